"""The table of flashers: their options, and whether this machine has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.deploy.flashers.table import available, flasher, read_options, version
from daemon.errors import DeployError


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("avrdude", "part"),
        ("esptool", "chip"),
        ("openocd", "config"),
        ("pyocd", "target"),
        ("gdb", "server"),
        ("uf2", "drive|family|address"),
    ],
)
def test_an_option_that_is_needed_is_named(name: str, says: str) -> None:
    with pytest.raises(DeployError, match=rf"options of flasher {name}: .*`(?:{says})`"):
        read_options(name)


def test_an_unknown_option_is_named_with_those_there_are() -> None:
    with pytest.raises(DeployError, match=r"unknown field `adress`; it knows .*address.*timeout_s"):
        read_options("stm32flash", {"adress": 0x0800_0000})
    with pytest.raises(DeployError, match="Expected `int`, got `str`"):
        read_options("stm32flash", {"baud": "fast"})


def test_what_a_target_says_wins_over_the_facts_of_the_board() -> None:
    options = read_options("stm32flash", {"baud": 57600, "address": 0x0800_4000}, {"baud": 9600})
    assert (options.baud, options.address) == (9600, 0x0800_4000)  # type: ignore[attr-defined]


def test_an_unknown_flasher_is_named_with_those_there_are() -> None:
    with pytest.raises(DeployError, match=r"no flasher 'dfu': take one of avrdude, .*uf2"):
        flasher("dfu")


@pytest.mark.parametrize("name", ["avrdude", "esptool", "gdb", "openocd", "stm32flash"])
def test_tools_that_are_here_say_so(name: str) -> None:
    assert available(name) is None
    said = version(name)
    assert said is not None
    assert said[0].isdigit()


def test_a_tool_that_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert available("avrdude") == "avrdude is not installed: apt-get install avrdude"
    assert version("avrdude") is None
    # It is no program.
    assert available("uf2") is None
