"""Models as slots take them: byte for byte, and nothing else is taken for one."""

from __future__ import annotations

import hashlib
import struct

import pytest
from nacl.signing import SigningKey

from firmware_export.blob import Blob, parse
from firmware_export.errors import UnreadableModel

BLOB = Blob(
    architecture=bytes(range(16)),
    project=1,
    learn=7,
    version=3,
    params=b"parameters",
    inputs=(b"abc", b"def"),
    outputs=(b"1", b"2"),
    sequence=9,
)


def test_every_byte_has_its_place() -> None:
    header = struct.pack("<4sHH16sIIIIIHHH14x", b"TRDM", 1, 0, bytes(range(16)), 9, 1, 7, 3, 10, 2, 3, 1)
    assert len(header) == 64
    assert BLOB.message() == header + b"parameters\0\0" + b"abc1def2"
    assert BLOB.digest() == hashlib.sha512(BLOB.message()).digest()[:32]
    key = SigningKey(bytes(32))
    whole = BLOB.signed(lambda message: key.sign(message).signature)
    assert key.verify_key.verify(whole[:-64], whole[-64:]) == BLOB.message()


def test_what_was_written_is_read_back() -> None:
    assert parse(BLOB.message()) == BLOB
    assert parse(BLOB.with_sequence(2**32 - 1).message()).sequence == 2**32 - 1
    bare = Blob(bytes(16), 0, 0, 0, b"", (), ())
    assert parse(bare.message()) == bare


def test_nothing_shorter_longer_or_changed_in_its_frame_is_read() -> None:
    message = BLOB.message()
    for end in range(len(message)):
        with pytest.raises(UnreadableModel):
            parse(message[:end])
    with pytest.raises(UnreadableModel, match="its header tells others"):
        parse(message + bytes(4))
    # Magic, form, what is reserved, sizes and counts, what is zero, and what fills up the parameters.
    framing = [*range(8), *range(40, 64), 74, 75]
    for place in framing:
        changed = bytearray(message)
        changed[place] ^= 0x80
        with pytest.raises(UnreadableModel):
            parse(bytes(changed))
    for place in set(range(len(message))) - set(framing):
        changed = bytearray(message)
        changed[place] ^= 0x80
        assert parse(bytes(changed)).message() == bytes(changed)
