"""What a compiled file is said to take, against what was written into it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from daemon.deploy.measure import measure_c

SOURCE = """
#include "model.h"
const unsigned char params[1000] = {1};
unsigned char scratch[300];
unsigned char start[70] = {1};
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """1,000 bytes of constants, 300 of zeroed and 70 of initialised variables."""
    (tmp_path / "model.h").write_text("extern const unsigned char params[1000];\n")
    path = tmp_path / "model.c"
    path.write_text(SOURCE)
    return path


@pytest.mark.parametrize("compiler", ["arm-none-eabi-gcc", "gcc"])
def test_sections_add_up(
    source: Path, tmp_path: Path, compiler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only this one compiler is found; what it needs itself stays on the path behind a wrapper.
    tools = tmp_path / "bin"
    tools.mkdir()
    wrapper = tools / compiler
    wrapper.write_text(f'#!/bin/sh\nPATH=/usr/local/bin:/usr/bin:/bin exec {compiler} "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tools))
    memory = measure_c(source)
    assert memory is not None
    assert memory.measured_with.startswith(compiler + " ")
    # An empty unwind table or a note may come on top.
    assert 1070 <= memory.flash_bytes < 1200
    assert memory.ram_bytes == 370


def test_without_a_compiler_nothing_is_made_up(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert measure_c(source) is None


def test_a_file_that_does_not_compile_measures_nothing(source: Path) -> None:
    source.write_text("#error")
    assert measure_c(source) is None
