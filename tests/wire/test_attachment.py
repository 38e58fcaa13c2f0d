"""Damaged acquisition objects, with binary values and without, are refused by what is wrong with them."""

from __future__ import annotations

import json
import random
import struct

import cbor2
import pytest

from daemon.errors import RequestError
from daemon.handlers.data import to_recording
from daemon.wire.bodies import encoding_of, read_body
from daemon.wire.edge_impulse import Acquisition
from daemon.wire.members import convert
from tests.scenario import acquisition

ROWS = acquisition([[1, 2.5, -3], [4, 5, 6]], label="idle", metadata={"shift": "1"})
SOUND = {
    "protected": {"ver": "v1", "alg": "HS256"},
    "signature": "0" * 64,
    "payload": {
        "device_type": "microphone",
        "interval_ms": 0.0625,
        "sensors": [{"name": "audio", "units": "wav"}],
        "values": ["Ref-Binary-i16"],
    },
}
GOOD = (
    json.dumps(ROWS).encode(),
    cbor2.dumps(ROWS),
    cbor2.dumps(SOUND) + b"\xff" + struct.pack("<8h", *range(-4, 4)),
    cbor2.dumps(SOUND, indefinite_containers=True) + struct.pack("<8h", *range(-4, 4)),
)


def damaged(payload: bytes, chance: random.Random) -> bytes:
    """A payload with a few bytes changed, cut out or doubled."""
    found = bytearray(payload)
    for _ in range(chance.randrange(4)):
        place, length = chance.randrange(len(found) + 1), chance.randrange(4)
        piece = bytes(found[place : place + length])
        found[place : place + length] = chance.choice((b"", piece * 2, chance.randbytes(length)))
    return bytes(found)


@pytest.mark.parametrize("count", [3_000, pytest.param(300_000, marks=pytest.mark.campaign)])
def test_a_damaged_object_is_taken_or_refused_and_nothing_else(count: int) -> None:
    chance = random.Random(count)
    taken = 0
    for _ in range(count):
        payload = damaged(chance.choice(GOOD), chance)
        try:
            recording = to_recording(convert(read_body(payload, encoding_of(payload)), Acquisition))
        except RequestError:
            continue
        assert len(recording.values) == recording.rows * len(recording.columns) * 4 > 0
        taken += 1
    assert count // 10 < taken < count, "a quarter is not damaged at all"
