"""Frames of SMP on a serial line, against another implementation; and what a line does to them."""

from __future__ import annotations

import random

import pytest
from smp import packet as other

from daemon.deploy import smp_serial

PACKETS = [random.Random(size).randbytes(size) for size in (8, 9, 89, 90, 91, 92, 300, 512, 4000)]
FIRST, SECOND = PACKETS[5], PACKETS[6]


def decoded(stream: bytes, step: int = 1 << 20) -> list[bytes]:
    """What is found in a stream that comes in pieces."""
    decoder = smp_serial.Decoder()
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    return [packet for piece in pieces for packet in decoder.feed(piece)]


@pytest.mark.parametrize("packet", PACKETS, ids=len)
def test_another_implementation_reads_our_frames(packet: bytes) -> None:
    lines = smp_serial.encode(packet).splitlines(keepends=True)
    assert all(len(line) <= 127 for line in lines)
    reading = other.decode()
    next(reading)
    with pytest.raises(StopIteration) as end:
        for line in lines:
            reading.send(line)
    assert end.value.value == packet


@pytest.mark.parametrize("packet", PACKETS, ids=len)
@pytest.mark.parametrize("line_length", [8, 64, 127])
def test_frames_of_another_implementation_are_read(packet: bytes, line_length: int) -> None:
    assert decoded(b"".join(other.encode(packet, line_length=line_length))) == [packet]


def test_it_does_not_matter_in_which_pieces_frames_come() -> None:
    stream = smp_serial.encode(FIRST) + smp_serial.encode(SECOND)
    assert all(decoded(stream, step) == [FIRST, SECOND] for step in range(1, 200))


def test_text_of_the_board_between_frames_is_passed_over() -> None:
    stream = b"m-ready\r\nboot 3\r\n" + smp_serial.encode(FIRST) + b"m-name-[press]\r\n> "
    assert decoded(stream + smp_serial.encode(SECOND)) == [FIRST, SECOND]


def test_a_frame_cut_anywhere_costs_itself_only() -> None:
    whole = smp_serial.encode(SECOND)
    following = smp_serial.encode(FIRST)
    for end in range(len(whole) - 1):
        assert decoded(whole[:end] + following) == [FIRST], end


def test_no_wrong_bit_makes_another_packet() -> None:
    whole = smp_serial.encode(SECOND)
    following = smp_serial.encode(FIRST)
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            found = decoded(bytes(damaged) + following * 2)
            # The last digit of base64 has bits that say nothing: there the packet is whole all the same.
            assert set(found) <= {FIRST, SECOND}, (place, bit)
            assert found[-1:] == [FIRST], (place, bit)


def test_a_line_without_end_takes_no_memory() -> None:
    decoder = smp_serial.Decoder()
    for _ in range(200):
        assert list(decoder.feed(bytes(10_000))) == []
    assert len(decoder._waiting) <= 512
    assert list(decoder.feed(b"\n" + smp_serial.encode(FIRST))) == [FIRST]


def test_a_frame_without_end_takes_no_memory() -> None:
    # A length that promises 65,535 bytes, and no more lines than that.
    decoder = smp_serial.Decoder()
    list(decoder.feed(b"\x06\x09//8A\n"))
    for _ in range(2000):
        assert list(decoder.feed(b"\x04\x14" + b"AAAA" * 30 + b"\n")) == []
    assert decoder._frame is None
    assert list(decoder.feed(smp_serial.encode(FIRST))) == [FIRST]
