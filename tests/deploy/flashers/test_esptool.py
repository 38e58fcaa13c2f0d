"""esptool and a stand-in for the ROM of an ESP32-C3: see `esp32c3_rom` for what that shows and what not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from daemon.deploy.flashers.flashing import copy_flash, flash
from daemon.deploy.flashers.table import read_options
from daemon.errors import FlashFailed
from tests.deploy.flashers.esp32c3_rom import Rom, esp32c3
from tests.deploy.flashers.hearing import Heard

#: The stand-in has no stub and no reset lines.
BOARD = {"chip": "esp32c3", "stub": False, "before": "no-reset", "after": "no-reset"}
OPTIONS = read_options("esptool", BOARD)


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "application.bin"
    path.write_bytes(random.Random(5).randbytes(20_000))
    return {"bin": path}


def test_the_image_lies_where_it_belongs(images: dict[str, Path], tmp_path: Path) -> None:
    image = images["bin"].read_bytes()
    heard = Heard()
    with esp32c3(Rom()) as rom:
        flash("esptool", rom.url, images, OPTIONS, heard)
        copy_flash("esptool", rom.url, 1024, OPTIONS, tmp_path / "copy.bin", Heard())
    assert bytes(rom.flash[:0x10000]) == b"\xff" * 0x10000
    assert bytes(rom.flash[0x10000:][: len(image)]) == image
    assert (tmp_path / "copy.bin").read_bytes() == image[:1024]
    assert any("Hash of data verified" in line for line in heard.lines)


def test_another_chip_is_told(images: dict[str, Path]) -> None:
    options = read_options("esptool", BOARD, {"chip": "esp32s3"})
    with esp32c3(Rom()) as rom, pytest.raises(FlashFailed, match="is an ESP32-C3, the board's facts name an"):
        flash("esptool", rom.url, images, options, Heard())


def test_a_flash_that_holds_something_else_is_told(images: dict[str, Path]) -> None:
    with esp32c3(Rom(forgets=0x10010)) as rom, pytest.raises(FlashFailed, match="does not hold what was"):
        flash("esptool", rom.url, images, OPTIONS, Heard())


def test_a_line_that_breaks_once_is_opened_again(images: dict[str, Path]) -> None:
    with esp32c3(Rom(breaks_after=3)) as rom:
        flash("esptool", rom.url, images, OPTIONS, Heard())
    image = images["bin"].read_bytes()
    assert bytes(rom.flash[0x10000:][: len(image)]) == image
