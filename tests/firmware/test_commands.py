"""What a firmware answers: the commands of SMP and of the model."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from hw_tests.boards.peer import peer
from tests.firmware.smp_line import MODEL, OS, READ, WRITE, Line, Refused


@pytest.fixture
def line() -> Iterator[Line]:
    with peer() as board, Line.to(board) as line:
        yield line


def outputs(given: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(given) // 4}i", given)


def test_echo_gives_back_text(line: Line) -> None:
    assert line.ask(WRITE, OS, 0, d="hello") == {"r": "hello"}
    assert line.ask(READ, OS, 0, d="é" * 90) == {"r": "é" * 90}


def test_info_tells_of_firmware_and_model(line: Line) -> None:
    told = line.ask(READ, MODEL, 0)
    assert (told["proto"], told["board"], told["name"]) == (1, "posix", "linear")
    assert (told["src"], told["confirmed"], told["seq"]) == ("factory", True, 0)
    assert (told["project"], told["learn"], told["version"]) == (1, 7, 3)
    assert (told["inlen"], told["inbytes"], told["outbytes"]) == (4, 4, 4)
    assert (told["arch"], told["slots"]) == (b"linear, 4 inputs", 2)


def test_rows_are_run(line: Line) -> None:
    rows = bytes([1, 1, 1, 1, 0, 0, 0, 255])
    assert outputs(line.ask(WRITE, MODEL, 1, **{"in": rows})["out"]) == (15, 1)


def test_as_many_rows_as_told_are_run_and_no_more(line: Line) -> None:
    most = line.ask(READ, MODEL, 0)["max"]
    rows = bytes(value % 256 for value in range(most * 4))
    signed = [struct.unpack("4b", rows[at : at + 4]) for at in range(0, len(rows), 4)]
    expected = tuple(5 + a + 2 * b + 3 * c + 4 * d for a, b, c, d in signed)
    assert outputs(line.ask(WRITE, MODEL, 1, **{"in": rows})["out"]) == expected
    with pytest.raises(Refused) as refused:
        line.ask(WRITE, MODEL, 1, **{"in": bytes(most * 4 + 4)})
    assert refused.value == Refused(None, 7)


def test_a_reset_starts_the_firmware_anew(line: Line) -> None:
    boot = line.ask(READ, MODEL, 0)["boot"]
    assert line.ask(READ, MODEL, 0)["boot"] == boot
    line.reset()
    assert line.ask(READ, MODEL, 0)["boot"] != boot
