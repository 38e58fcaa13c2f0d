"""The firmware on an ATmega328P in simavr: what a board without slots can do."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw_tests.boards.avr import build_avr, simulated
from hw_tests.boards.peer import Peer, peer
from tests.firmware.mlperf_runner import Runner
from tests.firmware.smp_line import IMAGE, MODEL, READ, WRITE, Line, Refused


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with simulated(build_avr(tmp_path_factory.mktemp("avr") / "firmware.hex")) as started:
        yield started


def test_it_says_what_it_is_and_has_the_same_model_as_any_board(board: Peer) -> None:
    with Line.to(board) as line, peer() as other, Line.to(other) as other_line:
        info = line.ask(READ, MODEL, 0)
        assert (info["board"], info["slots"], info["slotsize"], info["src"]) == (
            "atmega328p",
            0,
            0,
            "factory",
        )
        for member in ("hash", "arch", "name", "project", "learn", "version", "inbytes", "outbytes"):
            assert info[member] == other_line.ask(READ, MODEL, 0)[member], member
        (image,) = line.ask(READ, IMAGE, 0)["images"]
        assert (image["slot"], image["hash"], image["confirmed"]) == (2, info["hash"], True)


def test_it_runs_as_many_rows_as_it_says(board: Peer) -> None:
    with Line.to(board) as line:
        most = line.ask(READ, MODEL, 0)["max"]
        assert most > 10
        rows = bytes(value % 256 for value in range(4 * most))
        signed = struct.unpack(f"{4 * most}b", rows)
        expected = [5 + sum((1 + j) * signed[4 * row + j] for j in range(4)) for row in range(most)]
        out = line.ask(WRITE, MODEL, 1, **{"in": rows})["out"]
        assert list(struct.unpack(f"<{most}i", out)) == expected


def test_it_takes_no_model_into_a_slot(board: Peer) -> None:
    with Line.to(board) as line:
        with pytest.raises(Refused, match="8"):
            line.ask(WRITE, IMAGE, 1, image=1, off=0, len=100, data=bytes(32))
        with pytest.raises(Refused, match="8"):
            line.ask(WRITE, IMAGE, 5)
        # The model that it was built with may be confirmed, as anywhere.
        digest = line.ask(READ, MODEL, 0)["hash"]
        assert line.ask(WRITE, IMAGE, 0, hash=digest, confirm=True)["images"][0]["hash"] == digest


def test_it_starts_anew_and_counts_that(board: Peer) -> None:
    with Line.to(board) as line:
        boot = line.ask(READ, MODEL, 0)["boot"]
        line.reset()
        assert line.ask(READ, MODEL, 0)["boot"] == boot + 1


def test_it_keeps_the_rows_that_it_sampled_last(board: Peer) -> None:
    with Line.to(board) as line:
        line.ask(WRITE, MODEL, 3, everyms=1)
        answer = line.ask(READ, MODEL, 2, **{"from": 0, "max": 3})
        while len(answer["in"]) < 2 * 16:
            answer = line.ask(READ, MODEL, 2, **{"from": answer["first"], "max": 3})
        first, second = struct.unpack_from("<4f", answer["in"]), struct.unpack_from("<4f", answer["in"], 16)
        assert {(b - a) % 8 for a, b in zip(first, second, strict=True)} == {7 / 8}
        inputs = [int(value * 8) for value in first]
        assert struct.unpack_from("<i", answer["out"])[0] == 5 + sum((1 + j) * inputs[j] for j in range(4))
        line.ask(WRITE, MODEL, 3, everyms=0)


def test_a_runner_of_mlperf_tiny_drives_it(board: Peer) -> None:
    with Runner.to(board.port) as runner:
        assert runner.send("name") == ["m-name-dut-[atmega328p]"]
        assert runner.load(b"\1\2\3\xfc") == ["m-load-done"]
        results, microseconds = runner.infer(20, 1)
        assert results == [5 + 1 + 4 + 9 - 16]
        assert microseconds > 0


def test_without_a_model_it_answers_too(tmp_path: Path) -> None:
    with simulated(build_avr(tmp_path / "empty.hex", model=())) as board, Line.to(board) as line:
        assert line.ask(READ, MODEL, 0)["max"] == 0
        assert line.ask(READ, IMAGE, 0) == {"images": []}
