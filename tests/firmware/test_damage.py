"""No stream of bytes harms the firmware: it is built with sanitizers here, and must answer after each."""

from __future__ import annotations

import itertools
import random
import struct

import cbor2
import pytest

from hw_tests.boards.peer import peer
from tests.campaign import knobs
from tests.firmware.damage import frame, streams
from tests.firmware.smp_line import MODEL, OS, READ, WRITE, Line

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
BATCH = 50
TRIES = 20


def survive(seed: int, count: int) -> None:
    """Send streams, in batches, and hear an echo after each batch."""
    sent = streams(random.Random(seed), count)
    with peer(flags=SANITIZERS) as board, Line.to(board) as line:
        for number in range(0, count, BATCH):
            batch = b"".join(itertools.islice(sent, BATCH))
            # A newline ends what was left open.
            line.connection.sendall(batch + b"\n")
            assert any(hears(line, f"after {number}") for _ in range(TRIES))
        line.connection.settimeout(TRIES)
        assert line.ask(READ, MODEL, 0)["name"] == "linear"


def hears(line: Line, mark: str) -> bool:
    """Whether an echo comes within a second: a bent request may have been one to start anew."""
    line.connection.settimeout(1.0)
    try:
        answers_after(line, b"", mark)
    except TimeoutError:
        return False
    return True


def _echo(body: bytes) -> bytes:
    return struct.pack("!BBHHBB", 8 | WRITE, 0, len(body), OS, 0, 0) + body


def test_damaged_streams_are_survived() -> None:
    survive(seed=1, count=1500)


@pytest.mark.campaign
def test_many_damaged_streams_are_survived() -> None:
    for seed in range(10):
        survive(seed=knobs.SEED * 1000 + seed, count=knobs.FRAMES // 10)


@pytest.fixture
def line() -> Line:  # type: ignore[misc]
    with peer() as board, Line.to(board) as line:
        yield line


def answers_after(line: Line, lines: bytes, mark: str = "mark") -> int:
    """How many answers come to some lines, before that of an echo."""
    line.connection.sendall(lines + frame(_echo(cbor2.dumps({"d": mark}))))
    count = 0
    while line.receive()[8:] != cbor2.dumps({"r": mark}):
        count += 1
    return count


GOOD = frame(_echo(cbor2.dumps({"d": "x" * 200})))


def test_frames_come_whole_or_not_at_all(line: Line) -> None:
    assert answers_after(line, GOOD) == 1
    assert answers_after(line, GOOD.replace(b"\n", b"\r\n")) == 1
    assert answers_after(line, b"noise\n" + GOOD + b"more noise") == 1
    first, second, third = GOOD.splitlines(keepends=True)
    assert answers_after(line, first + second) == 0, "the end is missing"
    assert answers_after(line, first + third) == 0, "a line is missing"
    assert answers_after(line, second + third) == 0, "the beginning is missing"
    assert answers_after(line, first + first + second + third) == 1, "it began anew"
    assert answers_after(line, first + second + third + third) == 1, "a line too many"
    assert answers_after(line, first + second + third[:-3] + b"\n") == 0, "a line is cut"
    assert answers_after(line, first + second[:9] + b"!" + second[10:] + third) == 0, "no base64"
    assert answers_after(line, first + second[:9] + b"=" + second[10:] + third) == 0, "padding inside"
    assert answers_after(line, frame(_echo(bytes(600)))) == 0, "longer than the board's buffer"


def test_each_changed_bit_of_a_frame_is_noticed(line: Line) -> None:
    frame_of_one = frame(_echo(cbor2.dumps({"d": "xx"})))  # of whole groups: without padding
    for at, bit in itertools.product(range(2, len(frame_of_one) - 1), range(8)):
        bent = bytearray(frame_of_one)
        bent[at] ^= 1 << bit
        assert answers_after(line, bytes(bent) + b"\n") == 0, (at, bit)
