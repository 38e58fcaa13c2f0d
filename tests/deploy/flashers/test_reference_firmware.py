"""The reference firmware with a K-means in it, through each real tool: it runs and scores as it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.table import read_options
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import verify
from hw_tests.boards.avr import build_avr
from hw_tests.boards.bootloaders import AN3155_BOARD, an3155, arduino, images_of, qemu
from hw_tests.boards.emulated import LAYOUTS, build_firmware
from tests.deploy.flashers.hearing import Heard
from tests.deploy.flashers.kmeans import LEARN, PROJECT, KMeans, kmeans
from tests.harness import free_port


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> KMeans:
    return kmeans(tmp_path_factory.mktemp("kmeans"), 3)


def check(port: str, model: KMeans) -> None:
    """Ask the board what it runs, and have it score every row."""
    with SerialLink(port) as link:
        session = BoardSession(link)
        info = session.info()
        assert (info.project_id, info.learn_id, info.version) == (PROJECT, LEARN, model.version)
        assert info.source == "factory"
        blob = model.model.blob(PROJECT, LEARN, model.version)
        assert info.digest == blob.digest().hex()
        assert verify(session, info, blob) == len(model.model.inputs)
        assert session.run(model.inputs, info) == model.scores


def test_by_stm32flash_and_an3155(model: KMeans, tmp_path: Path) -> None:
    layout = replace(LAYOUTS["M4F"], slots=AN3155_BOARD.flash[0] + 0x8_0000)
    elf = build_firmware(
        (AN3155_BOARD, layout), tmp_path / "firmware.elf", model=model.sources, flags=model.model.flags
    )
    heard = Heard()
    with an3155() as url:
        flash("stm32flash", url, images_of(elf), read_options("stm32flash"), heard)
        check(url, model)
    heard.check()


def test_by_avrdude_and_an_arduinos_bootloader(model: KMeans, tmp_path: Path) -> None:
    image = build_avr(tmp_path / "firmware.hex", model=model.sources, flags=model.model.flags[:1])
    options = read_options("avrdude", {"part": "m328p", "baud": 57600, "room": 0x7800})
    heard = Heard()
    with arduino() as (device, _):
        flash("avrdude", device, {"hex": image}, options, heard)
        check(device, model)
    heard.check()


def test_by_gdb_and_an_emulators_server(model: KMeans, tmp_path: Path) -> None:
    elf = build_firmware("M4F", tmp_path / "firmware.elf", model=model.sources, flags=model.model.flags)
    server = f"127.0.0.1:{free_port()}"
    options = read_options("gdb", {"server": server, "reset": "system_reset"})
    heard = Heard()
    with qemu("mps2-an386", "-S", "-gdb", f"tcp:{server}") as (url, _):
        flash("gdb", url, images_of(elf), options, heard)
        check(url, model)
    heard.check()
