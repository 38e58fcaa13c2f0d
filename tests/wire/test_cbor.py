"""CBOR bodies: as strict as JSON ones, and the same in meaning; cbor2 is the other side."""

from __future__ import annotations

import io
import json
import math
import random
import struct
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import MalformedBody
from daemon.wire import cbor
from daemon.wire.bodies import CBOR, JSON, encoding_of, read_body
from daemon.wire.members import MAX_DEPTH

same_each_time = settings(derandomize=True, deadline=None, max_examples=50)

_NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | st.text() | st.binary(),
    lambda members: st.lists(members) | st.dictionaries(st.text(), members),
    max_leaves=8,
)
_MAPS = st.dictionaries(st.text(), _VALUES, max_size=4)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@same_each_time
@given(_MAPS, st.booleans(), st.booleans())
def test_what_another_library_writes_is_read(value: Any, canonical: bool, indefinite: bool) -> None:
    written = cbor2.dumps(value, canonical=canonical, indefinite_containers=indefinite)
    if depth(value) > MAX_DEPTH:
        with pytest.raises(MalformedBody, match="deeper"):
            cbor.decode(written)
        return
    item = cbor.decode(written, as_given=True)
    assert item.end == len(written)
    assert cbor2.dumps(item.value, canonical=True) == cbor2.dumps(value, canonical=True)


@same_each_time
@given(_MAPS)
def test_another_library_reads_what_is_written(value: Any) -> None:
    assert cbor2.loads(cbor.encode(value)) == value


@same_each_time
@given(st.recursive(st.none() | _NUMBERS | st.text(), lambda m: st.lists(m) | st.dictionaries(st.text(), m)))
def test_a_body_means_the_same_in_both_encodings(value: Any) -> None:
    body = {"a": value}
    try:
        expected = read_body(json.dumps(body).encode(), JSON)
    except MalformedBody:
        with pytest.raises(MalformedBody):
            read_body(cbor2.dumps(body), CBOR)
        return
    found = read_body(cbor2.dumps(body), CBOR)
    assert found == expected and repr(found) == repr(expected)


def changed(payload: bytes, chance: random.Random) -> bytes:
    """A payload with some of its bytes replaced, put in, or left out."""
    found = bytearray(payload)
    for _ in range(chance.randrange(3)):
        place = chance.randrange(len(found) + 1)
        found[place : place + chance.randrange(2)] = chance.randbytes(chance.randrange(3))
    return bytes(found)


@pytest.mark.parametrize("count", [5_000, pytest.param(1_000_000, marks=pytest.mark.campaign)])
def test_any_bytes_are_read_as_another_library_does_or_refused(count: int) -> None:
    chance = random.Random(count)
    seeds = [cbor2.dumps(body, indefinite_containers=each) for body in BODIES for each in (False, True)]
    read = sum(is_read(changed(chance.choice(seeds), chance)) for _ in range(count))
    assert count // 20 < read < count, "some changes do no harm, most do"


#: One of each kind of item.
BODIES: tuple[dict[str, Any], ...] = (
    {
        "a": [1, -1, 24, 300, 2**40, -(2**63), 0.1, 1e300, True, None],
        "ä": {"b": "text", "c": b"\x00\xff" * 20},
    },
    {"payload": {"values": ["Ref-Binary-i16"]}, "x" * 30: [[[[]]], {}, ""]},
    {},
)


def is_read(payload: bytes) -> bool:
    try:
        item = cbor.decode(payload, as_given=True)
    except MalformedBody:
        return False
    stream = io.BytesIO(payload)
    other = cbor2.CBORDecoder(stream, read_size=1).decode()
    assert cbor2.dumps(other, canonical=True) == cbor2.dumps(item.value, canonical=True)
    assert item.end <= len(payload)
    return True


@same_each_time
@given(_MAPS, st.data())
def test_a_body_that_is_cut_off_is_refused(value: Any, data: st.DataObject) -> None:
    written = cbor2.dumps(value)
    with pytest.raises(MalformedBody):
        cbor.decode(written[: data.draw(st.integers(0, len(written) - 1))])


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("a2 6161 01 6161 02", "a: the member is given twice"),
        ("a1 6161 a2 6162 01 6162 01", "b: the member is given twice"),
        ("bf 6161 01 6161 f6 ff", "a: the member is given twice"),
        ("a1 6161 f97e00", "nan at byte 3"),
        ("a1 6161 f97c00", "inf at byte 3"),
        ("a1 6161 fbfff0000000000000", "-inf at byte 3"),
        ("a1 6161 c11a5d3add3d", "a CBOR tag at byte 3"),
        ("d9d9f7 a0", "a CBOR tag at byte 0"),
        ("a1 6161 f7", "undefined, or a simple value, at byte 3"),
        ("a1 6161 f820", "undefined, or a simple value, at byte 3"),
        ("a1 01 02", "the name of a member at byte 1 of the body is not text"),
        ("a1 4161 02", "the name of a member at byte 1"),
        ("a1 6161 62c328", "the text at byte 3 of the body is not UTF-8"),
        ("a1 6161 7f 61c3 61a9 ff", ""),
        ("a1 6161 1c", "byte 3 has no meaning"),
        ("a1 6161 1f", "byte 3 has no meaning"),
        ("a1 6161 ff", "byte 3 ends what was not begun"),
        ("a1 6161 7f 4161 ff", "byte 4 is no part of the string before it"),
        ("a1 6161 7f 7f 6161 ff ff", "byte 4 is no part"),
        ("a1 6161 9bffffffffffffffff", "cut off"),
        ("bbffffffffffffffff", "cut off"),
        ("a1 6161 7bffffffffffffffff", "cut off"),
        ("a1 6161 5b7fffffffffffffff 00", "cut off"),
        ("a1 6161 19ff", "cut off"),
        ("bf 6161 01", "cut off"),
        ("bf 6161 ff", "byte 3 ends what was not begun"),
        ("a0 00", "the body has 1 bytes behind its CBOR map"),
        ("a0 a0", "the body has 1 bytes behind"),
        ("80", "not a CBOR map"),
        ("f6", "not a CBOR map"),
    ],
)
def test_what_is_no_strict_object_is_refused_with_its_place(payload: str, said: str) -> None:
    if not said:
        # Two halves of a character in two parts of one string: RFC 8949, section 3.2.3, forbids that;
        # the text that comes of it is whole, and taken.
        assert read_body(bytes.fromhex(payload), CBOR) == {"a": "é"}
        return
    with pytest.raises(MalformedBody) as refused:
        read_body(bytes.fromhex(payload), CBOR)
    assert said in refused.value.message


@pytest.mark.parametrize("opening", [b"\x81", b"\x9f", b"\xa1\x61a", b"\xbf\x61a"])
def test_nesting_is_taken_to_its_limit_and_not_beyond(opening: bytes) -> None:
    closing = b"\xff" if opening[0] & 31 == 31 else b""
    deepest = b"\xa1\x61a" + opening * (MAX_DEPTH - 1) + b"\x01" + closing * (MAX_DEPTH - 1)
    assert read_body(deepest, CBOR)
    with pytest.raises(MalformedBody, match=f"deeper than {MAX_DEPTH} levels"):
        cbor.decode(b"\xa1\x61a" + opening * 100_000)


def test_numbers_are_what_json_makes_of_them() -> None:
    given = {"whole": 32.0, "half": 0.5, "huge": 2**64 - 1, "low": -(2**64), "seed": 2**63 - 1, "zero": -0.0}
    found = read_body(cbor2.dumps(given), CBOR)
    assert found == {**given, "huge": float(2**64), "low": -float(2**64)}
    assert [type(found[name]) for name in given] == [int, float, float, float, int, int]
    # Half, single and double precision alike.
    for layout, first in ((">e", 0xF9), (">f", 0xFA), (">d", 0xFB)):
        item = cbor.decode(bytes([first]) + struct.pack(layout, 1.25))
        assert item.value == 1.25
    assert math.copysign(1, cbor.decode(cbor2.dumps(-0.0), as_given=True).value) == -1


def test_what_is_no_number_is_written_as_in_json() -> None:
    told = {"a": math.nan, "b": [math.inf, -math.inf, 1.5]}
    assert (
        cbor2.loads(CBOR.write(told)) == json.loads(JSON.write(told)) == {"a": None, "b": [None, None, 1.5]}
    )


def test_null_means_that_a_member_is_not_given() -> None:
    assert read_body(cbor2.dumps({"a": None, "b": {"c": None}, "d": [None]}), CBOR) == {"b": {}, "d": [None]}


def test_the_first_byte_or_the_content_type_tells_the_encoding() -> None:
    assert encoding_of(b"{}") is encoding_of(b"") is encoding_of(b"[]", "text/plain") is JSON
    assert encoding_of(b"", "application/cbor") is encoding_of(b"{}", "application/cbor") is CBOR
    for first in range(256):
        expected = CBOR if 0xA0 <= first <= 0xBF else JSON
        assert encoding_of(bytes([first]), "application/json") is expected
    assert read_body(b"", CBOR) == read_body(b"", JSON) == {}
