"""avrdude and a genuine Arduino bootloader on an emulated ATmega328P that then runs what came."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.deploy.flashers.flashing import copy_flash, flash
from daemon.deploy.flashers.table import read_options
from daemon.errors import BoardUnreachable, FlashFailed
from daemon.wire.worker import Log, Progress
from hw_tests.boards.bootloaders import arduino, greeting_program
from tests.deploy.flashers.hearing import Heard

BAUD = 57600
BOARD = {"part": "m328p", "programmer": "arduino", "baud": BAUD}
OPTIONS = read_options("avrdude", BOARD)


def test_what_was_flashed_can_be_copied(tmp_path: Path) -> None:
    images = greeting_program(tmp_path, "hello", board="arduino")
    image = images["bin"].read_bytes()
    with arduino(images["hex"]) as (device, _):
        copy_flash("avrdude", device, 0x7800, OPTIONS, tmp_path / "before.bin", Heard())
    # Neither the bootloader, which avrdude reads too, nor what is erased.
    copied = (tmp_path / "before.bin").read_bytes()
    assert copied == image + b"\xff" * (len(copied) - len(image))
    assert len(copied) < len(image) + 256


def test_another_chip_is_told(tmp_path: Path) -> None:
    images = greeting_program(tmp_path, "never heard", board="arduino")
    options = read_options("avrdude", BOARD, {"part": "m168p"})
    with (
        arduino() as (device, _),
        pytest.raises(FlashFailed, match="is not the ATmega168P that the board's facts"),
    ):
        flash("avrdude", device, images, options, Heard())


def test_a_board_that_is_unplugged_is_told(tmp_path: Path) -> None:
    images = greeting_program(tmp_path, "never heard", board="arduino", filler=3000)
    with arduino() as (device, simulator):

        def unplug(event: Progress | Log) -> None:
            if isinstance(event, Progress) and event.fraction > 0.2:
                simulator.kill()

        with pytest.raises(BoardUnreachable, match=f"{device} went away while it was used") as failed:
            flash("avrdude", device, images, OPTIONS, unplug)
    assert failed.value.retryable
