"""stm32flash and a bootloader by AN3155 of our own, on an emulated Cortex-M4F that then runs what came."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.deploy.flashers.flashing import copy_flash, flash
from daemon.deploy.flashers.table import read_options
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed
from hw_tests.boards.bootloaders import an3155, greeting_program
from tests.deploy.flashers.hearing import Heard, says

OPTIONS = read_options("stm32flash", {"address": 0x0800_0000})


def test_what_is_flashed_runs(tmp_path: Path) -> None:
    images = greeting_program(tmp_path, "first light", filler=8000)
    heard = Heard()
    with an3155() as url:
        flash("stm32flash", url, images, OPTIONS, heard)
        assert says(url) == "first light"
    heard.check()
    assert any("STM32F40xxx" in line for line in heard.lines)
    # Progress is told as progress, not line by line in the log.
    assert not any("Wrote and verified" in line for line in heard.lines)


def test_the_flash_is_copied_before_it_is_written(tmp_path: Path) -> None:
    with an3155() as url:
        copy_flash("stm32flash", url, 1000, OPTIONS, tmp_path / "before.bin", Heard())
    # Of an erased flash the beginning is kept, which erases it again.
    assert (tmp_path / "before.bin").read_bytes() == b"\xff" * 256


@pytest.mark.parametrize(
    ("define", "error", "says"),
    [
        ("-DWORN_BYTE=4", FlashFailed, "does not hold what was written"),
        ("-DPROTECTED", BoardRefused, "stm32flash -u"),
        ("-DSILENT_AFTER=4", BoardUnreachable, "set BOOT0 and press reset"),
    ],
)
def test_a_board_that_fails_says_what_to_do(
    tmp_path: Path, define: str, error: type[Exception], says: str
) -> None:
    images = greeting_program(tmp_path, "never heard", filler=4000)
    with an3155(define) as url, pytest.raises(error, match=f"^stm32flash: .*{says}") as failed:
        flash("stm32flash", url, images, OPTIONS, Heard())
    assert failed.value.stage == "flash"  # type: ignore[attr-defined]
