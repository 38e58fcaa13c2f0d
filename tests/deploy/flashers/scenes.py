"""Real tools, bootloaders and boards: an image goes through one, and the board then shows what it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from daemon.deploy.board_session import BoardSession
from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.table import read_options
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import verify
from hw_tests.boards.avr import build_avr
from hw_tests.boards.bootloaders import AN3155_BOARD, an3155, arduino, images_of, qemu
from hw_tests.boards.emulated import LAYOUTS, build_firmware
from hw_tests.boards.esp32c3 import greeting_image, start
from tests.deploy.flashers.esp32c3_rom import Rom, esp32c3
from tests.deploy.flashers.hearing import Heard, says
from tests.deploy.flashers.kmeans import LEARN, PROJECT, KMeans

GREETING = "hello from RV32IMC"


@dataclass(frozen=True)
class Scene:
    """How an image got onto a board, and what came of it.

    Parameters
    ----------
    tool, into : str
        What wrote it, and what took it.
    size : int
        Bytes of the image.
    seconds : float
        From the start of the tool to its end.
    heard : Heard
        What was told meanwhile.
    right : bool
        Whether the board then answered as it should.
    shown : str
        By what.
    """

    tool: str
    into: str
    size: int
    seconds: float
    heard: Heard
    right: bool
    shown: str


def by_avrdude(model: KMeans, folder: Path) -> Scene:
    """The reference firmware through a genuine bootloader of an Arduino, in simavr."""
    image = build_avr(folder / "firmware.hex", model=model.sources, flags=model.model.flags[:1], sensor=False)
    images = images_of(image.with_suffix(".elf"), "avr-objcopy")
    with arduino() as (device, _):
        done = _flash("avrdude", device, images, {"part": "m328p", "baud": 57600, "room": 0x7800})
        return _scene("avrdude", "ATmegaBOOT, genuine, in simavr", images, done, _scores(device, model))


def by_stm32flash(model: KMeans, folder: Path) -> Scene:
    """The reference firmware through our bootloader by AN3155, on an emulated Cortex-M4F."""
    layout = replace(LAYOUTS["M4F"], slots=AN3155_BOARD.flash[0] + 0x8_0000)
    elf = folder / "firmware.elf"
    build_firmware((AN3155_BOARD, layout), elf, model=model.sources, flags=model.model.flags)
    images = images_of(elf)
    with an3155() as url:
        done = _flash("stm32flash", url, images, {})
        return _scene("stm32flash", "AN3155, ours, on a Cortex-M4F", images, done, _scores(url, model))


def by_gdb(model: KMeans, folder: Path) -> Scene:
    """The reference firmware through the gdb server of an emulator."""
    elf = build_firmware("M4F", folder / "firmware.elf", model=model.sources, flags=model.model.flags)
    images = images_of(elf)
    with qemu("mps2-an386", "-S") as (url, server):
        done = _flash("gdb", url, images, {"server": server, "reset": "system_reset"})
        return _scene("gdb", "QEMU's server, on a Cortex-M4F", images, done, _scores(url, model))


def by_esptool(model: KMeans, folder: Path) -> Scene:
    """A program through a stand-in for the ROM of an ESP32-C3; it then runs on that instruction set."""
    images = {"bin": greeting_image(folder, GREETING, filler=20_000)}
    with esp32c3(Rom()) as rom:
        board = {"chip": "esp32c3", "stub": False, "before": "no-reset", "after": "no-reset"}
        done = _flash("esptool", rom.url, images, board)
    with start(bytes(rom.flash[0x10000:])) as url:
        shown = says(url) == GREETING, "its greeting, on RV32IMC"
    return _scene("esptool", "ESP32-C3's ROM, a stand-in", images, done, shown)


SCENES: tuple[Callable[[KMeans, Path], Scene], ...] = (by_avrdude, by_stm32flash, by_gdb, by_esptool)


def _flash(name: str, port: str, images: dict[str, Path], board: dict[str, object]) -> tuple[float, Heard]:
    heard = Heard()
    begun = time.monotonic()
    flash(name, port, images, read_options(name, board), heard)
    return time.monotonic() - begun, heard


def _scene(
    tool: str, into: str, images: dict[str, Path], done: tuple[float, Heard], shown: tuple[bool, str]
) -> Scene:
    return Scene(tool, into, images["bin"].stat().st_size, *done, *shown)


def _scores(port: str, model: KMeans) -> tuple[bool, str]:
    """Ask the board what it runs, have it prove it, and score every row."""
    with SerialLink(port) as link:
        session = BoardSession(link)
        info = session.info()
        blob = model.model.blob(PROJECT, LEARN, model.version)
        verified = verify(session, info, blob) == len(model.model.inputs)
        right = (info.digest, info.source) == (blob.digest().hex(), "factory") and verified
        rows = len(model.scores) // 4
        return right and session.run(model.inputs, info) == model.scores, f"scores of {rows} rows"
