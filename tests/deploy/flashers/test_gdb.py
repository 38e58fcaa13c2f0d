"""GDB where its server or the memory behind it fails; what it loads runs in `test_scenes`."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.table import read_options
from daemon.errors import BoardUnreachable, FlashFailed
from hw_tests.boards.bootloaders import greeting_program, qemu
from tests.deploy.flashers.hearing import Heard
from tests.harness import free_port


def test_memory_that_does_not_hold_it_is_told(tmp_path: Path) -> None:
    """An image for where the board has no memory."""
    images = greeting_program(tmp_path, "never heard", board="an3155")
    with qemu("microbit", "-S") as (url, server), pytest.raises(FlashFailed, match="gdb: "):
        flash("gdb", url, images, read_options("gdb", {"server": server}), Heard())


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    images = greeting_program(tmp_path, "never heard", board="M4F")
    options = read_options("gdb", {"server": f"127.0.0.1:{free_port()}"})
    with pytest.raises(BoardUnreachable, match="no gdb server answers"):
        flash("gdb", "", images, options, Heard())
