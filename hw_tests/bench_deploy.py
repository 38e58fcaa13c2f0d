"""Models on boards: whether 1,000 rows come out as the oracle has them, and what an update costs on the line.

``python -m hw_tests.bench_deploy`` prints two tables. The line is as slow as one of 115,200 baud, ten bits to
a byte, each way; the boards behind it are emulated and faster than real ones.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from daemon.deploy.board_session import BoardSession
from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.table import read_options
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import update_slot
from firmware_export.firmware_model import network_model
from hw_tests.boards.bootloaders import an3155, images_of
from hw_tests.boards.line import line_to
from hw_tests.hardware import EMULATED, LEARN, PROJECT, EmulatedCortexM, Hardware, firmware_image
from hw_tests.models import DEPLOYABLES, KEY, Deployable
from hw_tests.network_shapes import Chain

ROWS = 1000
BAUD = 115_200
BYTES_A_SECOND = BAUD / 10
PARAMETERS = 4096
LINE_BAR, FLASH_BAR = 1.3, 5.0


def right_rows(hardware: Hardware, model: Deployable) -> int:
    """How many of `ROWS` rows a board computes as the oracle does."""
    inputs = model.rows(ROWS)
    with hardware.running(model) as place, SerialLink(place.port, place.baud) as link:
        session = BoardSession(link)
        outputs = session.run(inputs, session.info())
    expected = model.answer(inputs)
    size = len(expected) // ROWS
    return sum(outputs[at : at + size] == expected[at : at + size] for at in range(0, len(expected), size))


def large(version: int) -> Deployable:
    """A network of about `PARAMETERS` bytes of parameters."""
    data = Chain((1, 36), version).dense(36).dense(24).dense(8, 0).finish()
    return Deployable("large", network_model(data, "large"), version, lambda rows: rows, bytes)


def update_cost() -> tuple[int, int, int, float]:
    """Bytes of parameters, of the blob, and to the board, and seconds, of an update over a slow line."""
    first, second = large(1), large(2)
    with EmulatedCortexM("M4F").running(first) as place:
        assert place.tcp is not None
        with line_to(place.tcp, baud=BAUD) as line, SerialLink(line.url) as link:
            session = BoardSession(link)
            session.info()
            before, began = line.to_board, time.monotonic()
            blob = second.firmware.blob(PROJECT, LEARN, second.version)
            update_slot(session, blob, lambda message: KEY.sign(message).signature, lambda _: None)
            seconds = time.monotonic() - began
            return len(second.firmware.params), len(blob.message()) + 64, line.to_board - before, seconds


def flash_cost() -> tuple[int, float]:
    """Bytes of firmware with the same model, and seconds until stm32flash has written and read it."""
    elf = firmware_image("M4F", large(2))
    with tempfile.TemporaryDirectory() as name, an3155() as url:
        images = _images(elf, Path(name))
        with line_to(int(url.rsplit(":", 1)[1]), baud=BAUD) as line:
            began = time.monotonic()
            options = read_options("stm32flash", {"address": 0x0800_0000})
            flash("stm32flash", line.url, images, options, lambda _: None)
            return images["bin"].stat().st_size, time.monotonic() - began


def _images(elf: Path, folder: Path) -> dict[str, Path]:
    copy = folder / "firmware.elf"
    copy.write_bytes(elf.read_bytes())
    return images_of(copy)


def main() -> None:
    """Print the tables."""
    print(f"{'board':10} {'model':7} rows right of {ROWS}")
    for hardware in EMULATED:
        for kind, make in DEPLOYABLES.items():
            print(f"{hardware.name:10} {kind:7} {right_rows(hardware, make(1)):5}")
    params, blob, to_board, seconds = update_cost()
    line_s = to_board / BYTES_A_SECOND
    size, flash_s = flash_cost()
    print(f"\n{'an update at 115,200 baud':42} {'measured':>9}   bar")
    print(f"{'parameters, blob, bytes to the board':42} {params:,}, {blob:,}, {to_board:,}")
    print(f"{'seconds, of what goes to the board':42} {seconds:9.3f}   {line_s:.3f} on the line")
    print(f"{'times the line':42} {seconds / line_s:9.2f}   {LINE_BAR}")
    print(f"{'times the line of the parameters alone':42} {seconds / (params / BYTES_A_SECOND):9.2f}")
    print(f"{'seconds to flash firmware of ' + format(size, ',') + ' bytes':42} {flash_s:9.2f}")
    print(f"{'times faster than flashing':42} {flash_s / seconds:9.1f}   {FLASH_BAR}")


if __name__ == "__main__":
    main()
