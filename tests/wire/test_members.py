"""Strict decoding: what is refused, and that the sentence names the member."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from daemon.errors import InvalidMember, MalformedBody
from daemon.wire.edge_impulse import Acquisition, Impulse
from daemon.wire.edge_impulse import StartTrainingRequestAnomaly as Train
from daemon.wire.jobs import PageRequest
from daemon.wire.members import MAX_DEPTH, convert, decode_json, known_members

TRAIN = {"axes": [0, 1], "minimumConfidenceRating": 0.3}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"axes": [0], "axes": [1]}', "axes: the member is given twice"),
        (b'{"a": {"b": 1, "b": 1}}', "b: the member is given twice"),
        (b'{"a": 1, "a": null}', "a: the member is given twice"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": Infinity}', "Infinity is not a JSON number"),
        (b'{"a": [-Infinity]}', "-Infinity is not a JSON number"),
        (b'{"a": 1e400}', "1e400 is beyond the range"),
        (b'{"a": -1e400}', "-1e400 is beyond the range"),
        (b'{"a": 1' + b"0" * 400 + b"}", "beyond the range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "beyond the range"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a": "\\ud800"}', "\\ud800 is half of a surrogate pair"),
        (b'{"\\udc00": 1}', "\\udc00 is half of a surrogate pair"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 01}', "not JSON"),
        (b'{"a": "\n"}', "not JSON"),
        (b" ", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
    ],
)
def test_a_body_that_is_no_strict_json_object_is_refused(payload: bytes, said: str) -> None:
    with pytest.raises(MalformedBody) as refused:
        decode_json(payload)
    assert said in refused.value.message


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_is_taken_to_its_limit_and_not_beyond(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    deepest = b'{"a":' + opening * (MAX_DEPTH - 1) + b"1" + closing * (MAX_DEPTH - 1) + b"}"
    assert decode_json(deepest)
    with pytest.raises(MalformedBody, match=f"deeper than {MAX_DEPTH} levels"):
        decode_json(deepest.replace(b"1", opening + b"1" + closing))
    with pytest.raises(MalformedBody, match="deeper"):
        decode_json(b'{"a":' + opening * 100_000)


def test_brackets_inside_strings_are_no_nesting() -> None:
    text = "[{" * 100 + '\\"]['
    assert decode_json(msgspec.json.encode({"a": text})) == {"a": text}


@pytest.mark.parametrize(
    "payload", [b'{"a":"' + b'\\"' * 130_000, b'"' * 260_000, b'{"a":"' + b"\\" * 260_000, b"[{" * 130_000]
)
def test_a_hostile_text_costs_no_more_than_its_length(payload: bytes) -> None:
    """It comes back at once; looking twice at each character would take minutes."""
    with pytest.raises(MalformedBody):
        decode_json(payload)


def test_what_good_bodies_become() -> None:
    assert decode_json(b'{"a": null, "b": {"c": null}, "d": [null]}') == {"b": {}, "d": [None]}
    assert decode_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}
    assert decode_json(b'{"a": 100000000000000000000}') == {"a": 1e20}
    assert decode_json(b'{"a": -9007199254740993}')["a"] == -9007199254740993
    number = decode_json(b'{"a": 32.0}')["a"]
    assert isinstance(number, int) and number == 32
    assert decode_json(b'{"a": 32.5, "b": 1e3}') == {"a": 32.5, "b": 1000}


def refusal(body: dict[str, Any], type_: type) -> InvalidMember:
    with pytest.raises(InvalidMember) as refused:
        convert(body, type_)
    return refused.value


@pytest.mark.parametrize(
    ("body", "type_", "place", "said"),
    [
        (
            {**TRAIN, "clusterCout": 3},
            Train,
            "clusterCout",
            "did you mean clusterCount?",
        ),
        (
            {**TRAIN, "clustercount": 3},
            Train,
            "clustercount",
            "did you mean clusterCount?",
        ),
        ({**TRAIN, "zzz": 3}, Train, "zzz", "known are axes, minimumConfidenceRating"),
        ({"axes": [0]}, Train, "minimumConfidenceRating", "is required and missing"),
        ({**TRAIN, "axes": [0, "1"]}, Train, "axes[1]", "expected `int`, got `str`"),
        ({**TRAIN, "axes": [0.5]}, Train, "axes[0]", "expected `int`, got `float`"),
        ({**TRAIN, "axes": [True]}, Train, "axes[0]", "got `bool`"),
        ({**TRAIN, "axes": []}, Train, "axes", "length >= 1"),
        ({**TRAIN, "clusterCount": 0}, Train, "clusterCount", ">= 1"),
        (
            {**TRAIN, "thresholds": [{"key": "min_anomaly_score", "value": 1, "vale": 2}]},
            Train,
            "thresholds[0].vale",
            "did you mean value?",
        ),
        (
            {
                "payload": {
                    "device_type": "x",
                    "interval_ms": 0,
                    "sensors": [{"name": "a", "unit": "g"}],
                    "values": [[1]],
                }
            },
            Acquisition,
            "payload.sensors[0].unit",
            "did you mean units?",
        ),
        (
            {
                "inputBlocks": [{"id": 1, "type": "features"}],
                "dspBlocks": [{"id": 2, "type": "raw", "axis": ["a"]}],
                "learnBlocks": [],
            },
            Impulse,
            "dspBlocks[0].axis",
            "did you mean axes?",
        ),
        ({"offset": -1}, PageRequest, "offset", ">= 0"),
        ({"offset": 2**63}, PageRequest, "offset", "<="),
    ],
)
def test_a_wrong_member_is_named_with_its_place(
    body: dict[str, Any], type_: type, place: str, said: str
) -> None:
    error = refusal(body, type_)
    assert error.place == place
    assert error.message.startswith(f"{place}: ")
    assert said in error.message


def test_known_members_are_the_names_of_the_wire_at_any_depth() -> None:
    assert "minimumConfidenceRating" in known_members(Train)
    assert known_members(Acquisition, "payload.sensors[3]") == ["name", "units"]
    assert known_members(Acquisition, "metadata") == []
