"""Firmware by the ports process and a real flasher: verified on the board, or what was there is put back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.table import read_options
from daemon.wire.deploy import Ask, Deploy
from hw_tests.boards.avr import build_avr
from hw_tests.boards.bootloaders import arduino, greeting_program, images_of, qemu
from hw_tests.boards.emulated import build_firmware
from tests.deploy.flashers.hearing import Heard, says
from tests.deploy.flashers.kmeans import LEARN, PROJECT, KMeans, kmeans
from tests.deploy.linear import KEY
from tests.deploy.ports_process import Ports, ports


def train(folder: Path, version: int, *, wrong: bool = False) -> KMeans:
    """A version of the model, in firmware that trusts the key of the ports process."""
    (own := folder / str(version)).mkdir()
    return kmeans(own, version, key=bytes(KEY.verify_key), wrong=wrong)


def build(model: KMeans) -> Path:
    """Firmware for the emulated Cortex-M4F."""
    elf = model.sources[0].with_name("firmware.elf")
    return build_firmware("M4F", elf, model=model.sources, flags=model.model.flags)


def order(model: KMeans, image: Path) -> Deploy:
    """Firmware with a model."""
    blob = model.model.blob(PROJECT, LEARN, model.version)
    images = {image.suffix[1:]: image.read_bytes()}
    return Deploy(target="press", job_id=7, blob=blob.message(), images=images)


def version_of(held: Ports) -> int:
    """What the board says that it runs."""
    (told,) = held.told(Ask("press"))
    return int(told["info"]["version"])


def log(answers: list[dict[str, Any]]) -> str:
    return "\n".join(each["text"] for each in answers if each["type"] == "log")


def test_a_board_gets_the_next_firmware_and_keeps_it_from_a_wrong_one(tmp_path: Path) -> None:
    by_hand, good, bad = (train(tmp_path, version, wrong=version == 5) for version in (3, 4, 5))
    with qemu("mps2-an386", "-S") as (url, server):
        options = read_options("gdb", {"server": server, "reset": "system_reset"})
        flash("gdb", url, images_of(build(by_hand)), options, Heard())
        table = f'[targets.press]\nboard = "mps2-an386"\nport = "{url}"\nask_s = 3600\n'
        table += f'flasher = "gdb"\nflasher_options = {{ server = "{server}" }}\n'
        with tempfile.TemporaryDirectory(prefix="pp-") as folder, ports(Path(folder), table) as held:
            assert version_of(held) == 3
            answers = held.told(order(good, build(good)))
            assert answers[-1]["type"] == "done", answers
            assert answers[-1]["result"]["vectors"] == len(good.model.inputs)
            assert answers[-1]["result"]["previous"]["version"] == 3
            assert "matched." in log(answers)
            assert version_of(held) == 4
            answers = held.told(order(bad, build(bad)))
            assert (answers[-1]["type"], answers[-1]["code"]) == ("failed", "verify_failed"), answers
            assert "what was there before was put back" in answers[-1]["message"]
            assert version_of(held) == 4


@pytest.mark.campaign
def test_on_an_arduino_a_program_of_somebody_else_is_put_back(tmp_path: Path) -> None:
    """Through a genuine bootloader, at its 57,600 baud."""
    orders = []
    for version, wrong in ((3, True), (4, False)):
        model = train(tmp_path, version, wrong=wrong)
        image = model.sources[0].with_name("firmware.hex")
        build_avr(image, model=model.sources, flags=model.model.flags[:1], sensor=False)
        orders.append(order(model, image))
    old = greeting_program(tmp_path, "the old program", board="arduino")
    with arduino(old["hex"]) as (device, _):
        table = f'[targets.press]\nboard = "arduino-nano"\nport = "{device}"\nask_s = 3600\n'
        with tempfile.TemporaryDirectory(prefix="pp-") as folder, ports(Path(folder), table) as held:
            answers = held.told(orders[0])
            assert (answers[-1]["type"], answers[-1]["code"]) == ("failed", "verify_failed"), answers
            assert "were copied, for putting back" in log(answers)
            held.end()
            assert says(device) == "the old program"
            held.start()
            answers = held.told(orders[1])
            assert answers[-1]["type"] == "done", answers
            assert "bytes of flash verified" in log(answers)
            assert version_of(held) == 4
