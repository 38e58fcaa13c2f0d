"""The firmware on emulated boards answers as the process does."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from hw_tests.boards.emulated import LAYOUTS, build_firmware, emulated
from tests.firmware.smp_line import IMAGE, MODEL, OS, READ, WRITE, Line
from tests.firmware.updates import KEY_FLAG, Update, install, running, upload


@pytest.mark.parametrize("core", LAYOUTS)
def test_a_board_answers_runs_samples_and_starts_anew(core: str, tmp_path: Path) -> None:
    elf = build_firmware(core, tmp_path / "firmware.elf")
    with emulated(core, elf) as board, Line.to(board) as line:
        assert line.ask(WRITE, OS, 0, d="x" * 300) == {"r": "x" * 300}
        boot = line.ask(READ, MODEL, 0)["boot"]
        out = line.ask(WRITE, MODEL, 1, **{"in": bytes([1, 1, 1, 1, 0, 0, 0, 255])})["out"]
        assert struct.unpack("<2i", out) == (15, 1)
        line.ask(WRITE, MODEL, 3, everyms=1)
        rows = b""
        while len(rows) < 3 * 16:
            rows = line.ask(READ, MODEL, 2, **{"from": 0, "max": 3})["in"]
        step = (struct.unpack_from("<4f", rows, 16)[0] - struct.unpack_from("<4f", rows)[0]) % 8
        assert step == 7 / 8
        line.reset()
        assert line.ask(READ, MODEL, 0)["boot"] != boot


@pytest.mark.parametrize("core", ["M0", "M4F"])
def test_a_model_that_crashes_the_board_is_out_of_use_after_it(core: str, tmp_path: Path) -> None:
    good, fatal = Update(bias=100), Update(bias=200, sequence=2)
    elf = build_firmware(core, tmp_path / "firmware.elf", flags=[KEY_FLAG, "-DFATAL=200"])
    with emulated(core, elf) as board, Line.to(board) as line:
        line.wait()
        install(line, good)
        boot = line.ask(READ, MODEL, 0)["boot"]
        upload(line, fatal.signed())
        line.connection.settimeout(2.0)
        with pytest.raises(TimeoutError):
            line.ask(WRITE, IMAGE, 0, hash=fatal.digest())
        line.wait()
        assert line.ask(READ, MODEL, 0)["boot"] != boot
        assert running(line) == good.output()
