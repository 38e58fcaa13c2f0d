"""The tables of the page about flashing, against the table of flashers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec
import pytest

from daemon.deploy.flashers.flasher import Options
from daemon.deploy.flashers.table import NAMES, flasher, read_options

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "flashing.md").read_text()
COMMON = {field.name for field in msgspec.structs.fields(Options)}


def rows(first_column: str) -> list[list[str]]:
    """The rows of the table that begins with a column of that name."""
    found = re.search(rf"^\| {first_column} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found is not None
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in found[1].splitlines()]


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """As the page writes it."""
    if field.required:
        return "required"
    if isinstance(field.default, float):
        return f"`{field.default:g}`"
    return "none" if field.default is None else f"`{msgspec.json.encode(field.default).decode()}`"


def test_the_table_of_flashers_is_that_of_the_data() -> None:
    told = rows("flasher \\| reaches the board through")
    assert [row[0] for row in told] == [f"`{name}`" for name in NAMES]
    for name, row in zip(NAMES, told, strict=True):
        tool = flasher(name)
        flags = ["yes" if each else "no" for each in (tool.verifies, tool.erases, tool.resets, tool.reads)]
        assert row[1:] == [tool.reach.value, ", ".join(tool.formats), *flags, tool.install], name


def test_the_table_of_options_is_that_of_the_data() -> None:
    told: dict[str, dict[str, str]] = {}
    name = ""
    for flasher_, option, default, _ in rows("flasher \\| option"):
        name = flasher_.strip("`") or name
        told.setdefault(name, {})[option.strip("`")] = default
    wanted: dict[str, dict[str, str]] = {}
    for each in NAMES:
        for field in msgspec.structs.fields(flasher(each).options):
            if field.name in COMMON:
                continue
            wanted.setdefault(each, {})[field.name] = default_of(field)
    assert {name: dict(sorted(table.items())) for name, table in told.items()} == {
        name: dict(sorted(table.items())) for name, table in wanted.items()
    }


def test_those_that_erase_have_the_option() -> None:
    for name in NAMES:
        tool = flasher(name)
        assert tool.erases == ("erase" in tool.options.__struct_fields__), name


@pytest.mark.parametrize("text", re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
def test_the_examples_have_options_that_are_taken(text: str) -> None:
    for target in tomllib.loads(text)["targets"].values():
        read_options(target["flasher"], target["flasher_options"])


def test_the_rule_shown_is_the_one_of_the_file() -> None:
    (shown,) = re.findall(r"^```\n(SUBSYSTEM.*?)\n```$", PAGE, re.MULTILINE)
    assert f"#{shown}" in (ROOT / "systemd" / "70-trainerd.rules").read_text().splitlines()
