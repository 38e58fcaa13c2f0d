"""Ports that are missing or in use: told before a tool is started."""

from __future__ import annotations

from pathlib import Path

import pytest
import serial

from daemon.deploy.flashers.flashing import copy_flash, flash
from daemon.deploy.flashers.table import read_options
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed, ToolMissing
from hw_tests.boards.bootloaders import arduino
from tests.deploy.flashers.hearing import Heard
from tests.harness import free_port

OPTIONS = read_options("avrdude", {"part": "m328p", "baud": 57600, "room": 0x7800})


@pytest.fixture
def images(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "program.bin"
    path.write_bytes(b"\x55" * 100)
    return {"bin": path}


def refused(
    images: dict[str, Path], port: str, name: str = "avrdude"
) -> pytest.ExceptionInfo[BoardUnreachable]:
    heard = Heard()
    options = OPTIONS if name == "avrdude" else read_options(name)
    with pytest.raises(BoardUnreachable) as failed:
        flash(name, port, images, options, heard)
    assert not heard.fractions
    assert not heard.lines
    assert failed.value.retryable
    return failed


def test_a_port_that_is_missing_is_told(images: dict[str, Path], tmp_path: Path) -> None:
    port = str(tmp_path / "ttyUSB0")
    assert f"there is no port {port}: plug the board in" in str(refused(images, port).value)


def test_a_port_in_use_is_told(images: dict[str, Path]) -> None:
    with arduino() as (device, _), serial.Serial(device, exclusive=True):
        assert f"{device} is in use" in str(refused(images, device).value)


def test_a_url_where_nobody_listens_is_told(images: dict[str, Path]) -> None:
    url = f"socket://127.0.0.1:{free_port()}"
    assert f"{url} cannot be opened" in str(refused(images, url, "stm32flash").value)


def test_a_programmer_on_usb_is_left_to_its_tool(images: dict[str, Path]) -> None:
    options = read_options("avrdude", {"part": "m328p"}, {"programmer": "usbasp"})
    with pytest.raises(BoardUnreachable, match="no programmer was found on USB"):
        flash("avrdude", "usb", images, options, Heard())


def test_an_image_without_room_is_refused_before_anything_is_opened(images: dict[str, Path]) -> None:
    images["bin"].write_bytes(b"\x55" * 0x7801)
    with pytest.raises(BoardRefused, match="30721 bytes, the board has room for 30720"):
        flash("avrdude", "/dev/nothing", images, OPTIONS, Heard())


def test_a_format_that_the_tool_does_not_take_is_told(images: dict[str, Path]) -> None:
    options = read_options("gdb", {"server": "127.0.0.1:1"})
    with pytest.raises(FlashFailed, match="gdb takes elf files, the firmware is there as bin"):
        flash("gdb", "", images, options, Heard())


def test_a_tool_that_cannot_read_says_so(tmp_path: Path) -> None:
    options = read_options("gdb", {"server": "127.0.0.1:1"})
    with pytest.raises(FlashFailed, match="gdb cannot read"):
        copy_flash("gdb", "", 100, options, tmp_path / "copy.bin", Heard())


def test_a_tool_that_is_missing_is_told(
    images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="avrdude is not installed: apt-get install avrdude"):
        flash("avrdude", "/dev/nothing", images, OPTIONS, Heard())
