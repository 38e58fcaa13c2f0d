"""What the exporter packs the firmware unpacks, and no bytes at all do it harm."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_export.packed import MAGIC, pack
from tests.campaign import knobs
from tests.firmware_export.core.answering import Core
from tests.firmware_export.core.decoder import unpacked

HEADER = 8
BLOBS = st.one_of(
    st.binary(max_size=600),
    # Few values, long runs, and what makes carries run far back: bytes that are all ones.
    st.lists(st.sampled_from([0, 1, 127, 128, 254, 255]), max_size=600).map(bytes),
    st.tuples(st.integers(0, 255), st.integers(0, 6000)).map(lambda run: bytes([run[0]]) * run[1]),
)


def assert_round_trip(core: Core, blob: bytes, piece: int) -> None:
    packed = pack(blob)
    if packed == blob:
        return
    assert packed[:HEADER] == MAGIC + len(blob).to_bytes(4, "little")
    assert len(packed) < len(blob)
    # All of it, and to the last byte: nothing is left over in the stream.
    assert core.unpack(packed[HEADER:], len(blob), piece) == (blob, len(packed) - HEADER)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOBS, st.integers(1, 300))
def test_what_is_packed_unpacks_to_the_same_bytes(core: Core, blob: bytes, piece: int) -> None:
    assert_round_trip(core, blob, piece)


@pytest.mark.campaign
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOBS, st.integers(1, 300))
def test_what_is_packed_unpacks_to_the_same_bytes_at_length(core: Core, blob: bytes, piece: int) -> None:
    assert_round_trip(core, blob, piece)


def test_parameters_become_smaller_and_noise_stays_as_it_is(core: Core) -> None:
    rng = np.random.default_rng(1)
    weights = np.clip(np.round(rng.normal(0, 12, 4096)), -128, 127).astype(np.int8).tobytes()
    assert len(pack(weights)) < 0.75 * len(weights)
    assert_round_trip(core, weights, 64)
    noise = rng.bytes(4096)
    assert pack(noise) == noise
    assert pack(b"") == b""


def check_any_bytes(core: Core, streams: int, record: Callable[[str, object], None]) -> None:
    rng = random.Random(knobs.SEED)
    good = pack(bytes(rng.choice((0, 1, 2, 250)) for _ in range(500)))[HEADER:]
    for number in range(streams):
        if number % 2:
            stream = bytearray(good)
            for _ in range(rng.randrange(1, 5)):
                stream[rng.randrange(len(stream))] = rng.randrange(256)
        else:
            stream = bytearray(rng.randbytes(rng.randrange(200)))
        length = rng.choice((0, 1, 100, 500, 3000))
        given, used = core.unpack(bytes(stream), length, rng.randrange(1, 80))
        assert used <= len(stream)
        assert given == unpacked(bytes(stream), length)
    record("streams", streams)


def test_any_bytes_unpack_to_no_more_than_was_asked_for(
    core: Core, record_property: Callable[[str, object], None]
) -> None:
    check_any_bytes(core, 200, record_property)


@pytest.mark.campaign
def test_many_streams_unpack_to_no_more_than_was_asked_for(
    core: Core, record_property: Callable[[str, object], None]
) -> None:
    check_any_bytes(core, knobs.STREAMS, record_property)
