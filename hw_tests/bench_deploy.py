"""Models on boards: whether 1,000 rows come out as the oracle has them, and what an update costs on the line.

``python -m hw_tests.bench_deploy`` prints two tables. The line is as slow as one of 115,200 baud, ten bits to
a byte, each way; the boards behind it are emulated and faster than real ones.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
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
SIGNATURE = 64
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
    data = Chain((1, 36), version).dense(36).dense(40).dense(8, 0).finish()
    return Deployable("large", network_model(data, "large"), version, lambda rows: rows, bytes)


@dataclass(frozen=True)
class Update:
    """What an update over the slow line took: bytes of its parts, and seconds."""

    params: int
    blob: int
    to_board: int
    from_board: int
    seconds: float


def update_cost() -> Update:
    """Update a model over the slow line."""
    first, second = large(1), large(2)
    with EmulatedCortexM("M4F").running(first) as place:
        assert place.tcp is not None
        with line_to(place.tcp, baud=BAUD) as line, SerialLink(line.url) as link:
            session = BoardSession(link)
            session.info()
            to_board, from_board, began = line.to_board, line.from_board, time.monotonic()
            blob = second.firmware.blob(PROJECT, LEARN, second.version)
            update_slot(session, blob, lambda message: KEY.sign(message).signature, lambda _: None)
            seconds = time.monotonic() - began
            return Update(
                len(second.firmware.params),
                len(blob.message()) + SIGNATURE,
                line.to_board - to_board,
                line.from_board - from_board,
                seconds,
            )


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
    done = update_cost()
    # Questions and answers take turns: neither way is used while the other is.
    line_s = (done.to_board + done.from_board) / BYTES_A_SECOND
    size, flash_s = flash_cost()
    sizes = f"{done.params:,}, {done.blob:,}, {done.to_board:,}, {done.from_board:,}"
    print(f"\n{'an update at 115,200 baud':44} {'measured':>9}   bar")
    print(f"{'bytes: parameters, blob, to the board, back':44} {sizes}")
    print(f"{'seconds; on the line alone':44} {done.seconds:9.3f}   {line_s:.3f}")
    print(f"{'times the line, both ways':44} {done.seconds / line_s:9.2f}   {LINE_BAR}")
    print(f"{'times the line, to the board only':44} {done.seconds / (done.to_board / BYTES_A_SECOND):9.2f}")
    raw = f"times {PARAMETERS:,} raw bytes on the line"
    print(f"{raw:44} {done.seconds / (PARAMETERS / BYTES_A_SECOND):9.2f}")
    print(f"{'seconds to flash ' + format(size, ',') + ' bytes of firmware':44} {flash_s:9.2f}")
    print(f"{'times faster than flashing':44} {flash_s / done.seconds:9.1f}   {FLASH_BAR}")


if __name__ == "__main__":
    main()
