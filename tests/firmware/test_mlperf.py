"""MLPerf Tiny's text commands beside SMP, on the same line."""

from __future__ import annotations

import itertools
import random
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hw_tests.boards.emulated import build_firmware, emulated
from hw_tests.boards.peer import Peer, peer
from hw_tests.mlperf_runner import Runner
from tests.campaign import knobs
from tests.firmware.smp_line import MODEL, READ, WRITE, Line
from tests.firmware.test_damage import SANITIZERS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "device-protocol.md").read_text()


@pytest.fixture(scope="module")
def board() -> Iterator[Peer]:
    with peer() as started:
        yield started


@pytest.fixture
def runner(board: Peer) -> Iterator[Runner]:
    with Runner.to(board.port) as connected:
        yield connected


def linear(row: bytes) -> int:
    """What the model of these firmwares gives for four inputs."""
    inputs = np.frombuffer(row, dtype=np.int8)
    return 5 + int(inputs @ np.array([1, 2, 3, 4]))


def test_a_runner_finds_the_device_loads_rows_and_reads_results(runner: Runner) -> None:
    assert runner.send("name") == ["m-name-dut-[posix]"]
    assert runner.send("profile") == ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[linear]"]
    for row in (b"\1\2\3\4", b"\xff\x80\x7f\0", bytes(4)):
        assert runner.send(f"db load {len(row)}") == ["m-[Expecting 4 bytes]"]
        assert runner.send(f"db {row[:1].hex()}") == []
        assert runner.send(f"db {row[1:].hex().upper()}") == ["m-load-done"]
        results, microseconds = runner.infer(50, 3)
        assert results == [linear(row)]
        assert microseconds >= 0
        assert runner.send("results") == [f"m-results-[{linear(row)}]"]


def test_an_inference_is_reported_step_by_step(runner: Runner) -> None:
    runner.load(b"\1\1\1\1")
    lines = runner.send("infer 2 0")
    assert [re.sub(r"us-\d+", "us-N", line) for line in lines] == [
        "m-warmup-start-0",
        "m-warmup-done",
        "m-infer-start-2",
        "m-lap-us-N",
        "m-lap-us-N",
        "m-infer-done",
        "m-results-[15]",
    ]
    # Left out, they are one inference after ten.
    assert {"m-warmup-start-10", "m-infer-start-1"} <= set(runner.send("infer"))


def test_timestamps_are_microseconds_that_go_on(runner: Runner) -> None:
    laps = [int(runner.send("timestamp")[0].removeprefix("m-lap-us-")) for _ in range(3)]
    # Microseconds of a 32 bit clock: it may begin anew in between.
    assert all((later - sooner) % 2**32 < 2**31 for sooner, later in itertools.pairwise(laps))


def test_help_names_every_command(runner: Runner) -> None:
    assert runner.send("help") == ["name profile timestamp db infer results"]


@pytest.mark.parametrize("command", ["", "nam", "names", "infe", "x" * 500, "dbx", "\x7f\x80"])
def test_what_is_no_command_is_named_and_the_line_goes_on(runner: Runner, command: str) -> None:
    (line,) = runner.send(command)
    assert line.startswith("e-[Unknown command: ")
    assert len(line) < 60
    assert runner.send("name") == ["m-name-dut-[posix]"]


def test_newlines_and_what_they_end_are_passed_over(runner: Runner) -> None:
    assert runner.send("\r\nbroken\nname") == ["m-name-dut-[posix]"]


@pytest.mark.parametrize("count", ["", " 0", " 3", " 5", " 4294967300", " 99999999999999999"])
def test_a_load_of_another_size_is_refused_with_the_right_one(runner: Runner, count: str) -> None:
    runner.load(b"\1\1\1\1")
    assert runner.send(f"db load{count}") == ["e-[Expecting 4 bytes]"]
    assert runner.send("db 01010101") == []
    assert runner.send("infer 1 0")[-1] == "e-[No results]"


@pytest.mark.parametrize("digits", ["0101010", "010101", "01010g01", "01 01 0x 01"])
def test_a_row_that_is_not_whole_gives_no_results(runner: Runner, digits: str) -> None:
    runner.send("db load 4")
    runner.send(f"db {digits}")
    assert runner.send("infer 1 0")[-1] == "e-[No results]"
    assert runner.send("results") == ["e-[No results]"]


def test_digits_beyond_the_row_are_disregarded(runner: Runner) -> None:
    runner.send("db load 4")
    assert runner.send("db 01010101" + "ff" * 1000) == ["m-load-done"]
    assert runner.infer(1, 0)[0] == [15]


def test_a_frame_in_between_takes_the_row_and_answers(board: Peer, runner: Runner) -> None:
    runner.load(b"\1\1\1\1")
    assert isinstance(runner.connection, socket.socket)
    with_frames = Line(runner.connection)
    assert with_frames.ask(READ, MODEL, 0)["name"] == "linear"
    assert with_frames.ask(WRITE, MODEL, 1, **{"in": b"\1\1\1\1"})["out"] == (15).to_bytes(4, "little")
    assert runner.send("infer 1 0")[-1] == "e-[No results]"
    assert runner.load(b"\1\1\1\2") == ["m-load-done"]
    assert runner.infer(1, 0)[0] == [19]


def test_the_example_of_the_page_is_what_happens(runner: Runner) -> None:
    (example,) = re.findall(r"```mlperf\n(.*?)```", PAGE, re.DOTALL)
    said: list[str] = []
    for line in example.splitlines():
        if line.startswith("> "):
            assert said == []
            said = [re.sub(r"us-\d+", "us-N", one) for one in runner.send(line[2:].removesuffix("%"))]
            said.append("m-ready")
        else:
            assert line == f"< {said.pop(0)}"
    assert said == []


def test_a_firmware_without_a_model_says_so() -> None:
    with peer(model=()) as board, Runner.to(board.port) as runner:
        assert runner.send("profile")[1] == "m-model-[]"
        assert runner.send("db load 0") == ["e-[Expecting 0 bytes]"]
        assert runner.send("infer")[-1] == "e-[No results]"


def test_a_runner_drives_an_emulated_board(tmp_path: Path) -> None:
    elf = build_firmware("M4F", tmp_path / "firmware.elf")
    with emulated("M4F", elf) as board, Runner.to(board.port) as runner:
        assert runner.send("profile")[1] == "m-model-[linear]"
        for row in (b"\1\2\3\4", b"\xff\x80\x7f\0"):
            assert runner.load(row) == ["m-load-done"]
            results, microseconds = runner.infer(20_000, 10)
            assert results == [linear(row)]
            # Twenty thousand inferences take a millisecond at least, and its clock goes.
            assert microseconds > 0


def odd_commands(rng: random.Random, count: int) -> Iterator[str]:
    """Commands, most of them nearly right, of any lengths and numbers. Few inferences: they take time."""
    for _ in range(count):
        row = "".join(
            rng.choice("0123456789abcdefABCDEF gx") for _ in range(rng.choice((1, 2, 7, 8, 9, 300)))
        )
        number = rng.choice((0, 1, 3, 4, 5, 99, 2**16, 2**32 - 1, 2**32 + 4, 10**30))
        some = f"{rng.randrange(3)} {rng.randrange(12)}"
        word = rng.choice(("name", "profile", "results", "help", "timestamp", "db", "db ", "infer  ", "\n"))
        yield rng.choice(
            (f"db load {number}", f"db {row}", "db load 4", "db 01020304", f"infer {some}", word, row)
        )


def check_odd_commands(count: int, seed: int) -> None:
    rng = random.Random(seed)
    with peer(flags=SANITIZERS) as board, Runner.to(board.port) as runner:
        for command in odd_commands(rng, count):
            for line in runner.send(command):
                assert line.startswith(("m-", "e-", "name profile"))
        assert runner.load(b"\1\2\3\4") == ["m-load-done"]
        assert runner.infer(1, 0)[0] == [35]


def test_odd_commands_are_answered() -> None:
    check_odd_commands(400, 1)


@pytest.mark.campaign
def test_many_odd_commands_are_answered() -> None:
    check_odd_commands(knobs.STREAMS // 10, knobs.SEED)
