"""Odd requests: drawn by hypothesis from the document of the API, then spoilt."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
from hypothesis import strategies as st

from daemon.intake import Incoming
from scripts import asyncapi
from tests.scenario import GMM, IMPULSE, KMEANS, TRAIN, acquisition, train_path

#: Variants of each request that hypothesis draws: spoiling one is much faster than drawing another.
VARIANTS = 100
#: Every so many of them is left as it is.
_SOUND_EACH = 10

#: Numbers in paths: some that are there, and some that are not.
_IDS = ("1", "2", "7", "8", "0", "9007199254740992", "-1", "1.0", "x", "٣", "")
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, 5e-324, 2**53, 2**63, -(2**63), 2**64, 10**30,
    b"", b"\xff\x00", "", "x", "1", "\x00", "é", "\ud800", "x" * 300, "model:gmm/train", "../../etc/passwd",
    [], [[]], [None], [0] * 50, {}, {"": {}}, {"uri": "models/1"},
)  # fmt: skip

#: Requests that the daemon takes, so that there is something to spoil.
SOUND: tuple[tuple[str, str, Any], ...] = (
    ("post", "api/1/training/data", acquisition()),
    ("post", "api/1/impulse", IMPULSE),
    ("post", train_path(KMEANS), TRAIN),
    ("post", train_path(GMM), {**TRAIN, "thresholds": [{"key": "min_anomaly_score", "value": "0.5"}]}),
    ("post", "v1/frames", {"name": "f", "schema": [["a", "float64"], ["b", "int32"]], "rows": [[0.5, 1]]}),
    ("post", "v1/models", {"model_type": "model:gmm"}),
    ("post", "v1/commands", {"name": "model:k_means/new", "arguments": {}}),
)


def drawn(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Iterator[Incoming]:
    """Many requests from what hypothesis draws.

    Parameters
    ----------
    draw : callable
        Draws from a strategy.
    """
    method, path, body = draw(_REQUESTS)
    # Not one choice of hypothesis for each byte that is spoilt: that would be slower than the daemon.
    chance = random.Random(draw(st.integers(0, 2**32 - 1)))
    for number in range(VARIANTS):
        spoilt = body if number % _SOUND_EACH == 0 else _spoil(body, chance)
        payload = _encode(spoilt, chance)
        if chance.random() < 0.2:
            payload = _spoil_bytes(payload, chance)
        yield Incoming(
            method,
            path,
            payload,
            request_id=chance.choice((None, None, "a", "b")),
            group=chance.choice((None, None, None, "line-1")),
            content_type=chance.choice((None, "application/json", "application/cbor", "text/plain")),
            properties=chance.choice(({}, {}, {"label": "x"}, {"metadata": "{"}, {"axes": "[0]"})),
        )


def _spoil(body: Any, chance: random.Random) -> Any:
    """A body with some members taken out, put in, or made odd."""
    body = copy.deepcopy(body)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(body))
        if not places:
            return chance.choice(_ODD)
        container, key = chance.choice(places)
        act = chance.random()
        if act < 0.2:
            del container[key]
        elif act < 0.4 and isinstance(container, dict):
            container[chance.choice((f"{key}s", str(key).upper(), "requestId", "auth", ""))] = container[key]
        elif act < 0.5:
            container[key] = [container[key]]
        else:
            container[key] = copy.deepcopy(chance.choice(_ODD))
    return body


def _places(body: Any) -> Iterator[tuple[Any, Any]]:
    """Every member of every object and list in a body; of a long list the first."""
    if isinstance(body, dict):
        for key, value in list(body.items()):
            yield body, key
            yield from _places(value)
    elif isinstance(body, list):
        for number, value in enumerate(body[:4]):
            yield body, number
            yield from _places(value)


def _encode(body: Any, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        # Half a surrogate pair has no bytes in UTF-8: only JSON can write it.
        with contextlib.suppress(UnicodeEncodeError):
            return cbor2.dumps(body)
    return json.dumps(body, default=repr).encode()


def _spoil_bytes(payload: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(payload)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(spoilt) + 1)
        act = chance.randrange(4)
        if act == 0:
            del spoilt[place:]
        elif act == 1:
            spoilt[place:place] = bytes([chance.randrange(256)])
        elif act == 2:
            spoilt[place:place] = spoilt[place : place + chance.randrange(1, 40)]
        elif place < len(spoilt):
            spoilt[place] = chance.randrange(256)
    return bytes(spoilt)


def _strategies() -> st.SearchStrategy[tuple[str, str, Any]]:
    """Requests of every route, with bodies that fit its schema."""
    document = asyncapi.document()
    schemas = document["components"]["schemas"]
    made = [st.sampled_from(SOUND)]
    for channel in document["channels"].values():
        prefix = "{base}/{device}/"
        address = channel["address"] or ""
        method, _, template = address.removeprefix(prefix).partition("/")
        if not address.startswith(prefix) or method not in ("get", "post"):
            continue
        (message,) = channel["messages"]
        payload = document["components"]["messages"][message]["payload"]
        made.append(st.tuples(st.just(method), _paths(template), _fitting(payload, schemas, 4)))
    return st.one_of(made)


def _paths(template: str) -> st.SearchStrategy[str]:
    parts = template.split("/")
    drawn_parts = [st.sampled_from(_IDS) if part.startswith("{") else st.just(part) for part in parts]
    return st.tuples(*drawn_parts).map("/".join)


def _fitting(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    """Values that a schema allows, as far as its plain words go; nothing deep."""
    if "$ref" in schema:
        return _fitting(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth)
    if "anyOf" in schema:
        return st.one_of([_fitting(one, schemas, depth) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") in ("object", "array"):
        return _fitting_container(schema, schemas, depth)
    least, most = schema.get("minimum"), schema.get("maximum")
    plain: dict[str | None, Callable[[], st.SearchStrategy[Any]]] = {
        "integer": lambda: st.integers(least, most),
        "number": lambda: st.floats(least, most, allow_nan=False, allow_infinity=False),
        "string": lambda: st.text(min_size=schema.get("minLength", 0), max_size=8),
        "boolean": st.booleans,
    }
    return plain.get(schema.get("type"), lambda: st.sampled_from(_ODD))()


def _fitting_container(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if schema["type"] == "object":
        members = {
            name: _fitting(one, schemas, depth - 1) for name, one in schema.get("properties", {}).items()
        }
        required = {name: members.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(required, optional=members if depth > 0 else {})
    items = schema.get("items", {})
    if isinstance(items, list):
        return st.tuples(*(_fitting(one, schemas, depth - 1) for one in items)).map(list)
    least = schema.get("minItems", 0)
    return st.lists(_fitting(items, schemas, depth - 1), min_size=least, max_size=least + 3)


_REQUESTS = _strategies()
