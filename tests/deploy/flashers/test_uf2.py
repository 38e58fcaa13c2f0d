"""UF2 files, and a directory that behaves as the drive of a bootloader, as far as a directory can."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.table import read_options
from daemon.deploy.flashers.uf2 import INFO, to_uf2
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed
from tests.deploy.flashers.hearing import Heard
from tests.harness import wait_until

RP2040, START = 0xE48B_FF56, 0x1000_0000
PICO = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"
IMAGE = bytes(range(256)) * 100 + b"the end"


def read_uf2(file: bytes) -> tuple[int, int, bytes]:
    """Family, address and contents: the format read as its page describes it."""
    contents = b""
    families = set()
    start = None
    for number in range(len(file) // 512):
        block = file[number * 512 : (number + 1) * 512]
        magic, second, flags, address, size, index, count, family = struct.unpack("<8I", block[:32])
        assert (magic, second, block[508:]) == (0x0A324655, 0x9E5D5157, bytes.fromhex("306fb10a"))
        assert flags == 0x2000  # The family is given.
        assert (index, count) == (number, len(file) // 512)
        start = address if start is None else start
        assert address == start + len(contents)
        families.add(family)
        contents += block[32 : 32 + size]
    (family,) = families
    assert start is not None
    return family, start, contents


@contextmanager
def drive(folder: Path, *, takes: bool = True) -> Iterator[Path]:
    """A folder with the file of a bootloader, which goes away when a complete UF2 is there."""
    (folder / INFO).write_text(PICO)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            firmware = folder / "FIRMWARE.UF2"
            if takes and firmware.exists() and firmware.stat().st_size == len(to_uf2(IMAGE, START, RP2040)):
                (folder / INFO).unlink()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield folder
    finally:
        over.set()
        thread.join()


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "image.bin"
    path.write_bytes(IMAGE)
    return {"bin": path}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "RPI-RP2"
    path.mkdir()
    return path


def board(folder: Path, **more: object) -> dict[str, object]:
    return {
        "drive": str(folder),
        "family": RP2040,
        "address": START,
        "board_id": "RPI-RP2",
        "wait_s": 2,
        **more,
    }


def test_the_file_holds_the_image_at_its_address(images: dict[str, Path], folder: Path) -> None:
    heard = Heard()
    with drive(folder):
        flash("uf2", "", images, read_options("uf2", board(folder)), heard)
    family, start, contents = read_uf2((folder / "FIRMWARE.UF2").read_bytes())
    assert (family, start, contents[: len(IMAGE)]) == (RP2040, START, IMAGE)
    assert set(contents[len(IMAGE) :]) <= {0}
    heard.check()
    assert any("Raspberry Pi RP2" in line for line in heard.lines)


def test_a_uf2_that_the_build_left_is_copied_as_it_is(folder: Path, tmp_path: Path) -> None:
    built = tmp_path / "built.uf2"
    built.write_bytes(to_uf2(IMAGE, START, RP2040))
    with drive(folder):
        flash("uf2", "", {"uf2": built}, read_options("uf2", board(folder)), Heard())
    assert (folder / "FIRMWARE.UF2").read_bytes() == built.read_bytes()


def test_the_drive_may_come_late(images: dict[str, Path], folder: Path) -> None:
    options = read_options("uf2", board(folder, wait_s=30))
    heard = Heard()
    flashing = threading.Thread(target=flash, args=("uf2", "", images, options, heard))
    flashing.start()
    wait_until("the flasher's beginning", lambda: heard.fractions)
    with drive(folder):
        flashing.join()
    heard.check()


def test_a_drive_that_does_not_come_is_told(images: dict[str, Path], folder: Path) -> None:
    with pytest.raises(BoardUnreachable, match="press BOOT"):
        flash("uf2", "", images, read_options("uf2", board(folder, wait_s=0)), Heard())


def test_another_board_is_told_before_anything_is_written(images: dict[str, Path], folder: Path) -> None:
    options = read_options("uf2", board(folder, board_id="SAMD21G18A-Metro-v0"))
    with drive(folder), pytest.raises(FlashFailed, match="is RPI-RP2, not SAMD21G18A-Metro-v0"):
        flash("uf2", "", images, options, Heard())
    assert not (folder / "FIRMWARE.UF2").exists()


def test_a_bootloader_that_stays_has_not_taken_the_file(images: dict[str, Path], folder: Path) -> None:
    options = read_options("uf2", board(folder, wait_s=0.3))
    with drive(folder, takes=False), pytest.raises(BoardRefused, match="check `family`"):
        flash("uf2", "", images, options, Heard())
