"""The same verdicts and bytes on emulated boards, the least and a usual one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from firmware_export.packed import pack
from hw_tests.boards import BOARDS, SUPPORT, build, run
from hw_tests.core_cases import CORE, SOURCES, write_cases
from tests.firmware_export.c_programs import STRICT
from tests.firmware_export.core import signatures


@pytest.mark.parametrize("core", ["M0", "M4F"])
def test_verdicts_and_unpacked_bytes_are_right(core: str, tmp_path: Path) -> None:
    rng = random.Random(4)
    good = signatures.published()
    wrong = list(signatures.mutations(good[1], rng))[:9]
    blob = bytes(rng.choice((0, 1, 2, 3, 255)) for _ in range(3000))
    write_cases(
        tmp_path,
        [(one.signature, one.key, one.message, one.right()) for one in (*good, *wrong)],
        [(pack(blob)[8:], blob), (pack(bytes(700))[8:], bytes(700))],
    )
    flags = ("-Os", "-std=c99", *STRICT, f"-I{CORE}", f"-I{tmp_path}")
    elf = build(BOARDS[core], [SUPPORT / "core.c", *SOURCES], tmp_path / "core.elf", flags=flags)
    assert run(BOARDS[core], elf).status == 0
