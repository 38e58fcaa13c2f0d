"""The encodings of a body: one table, from which every transport reads requests and writes replies."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from daemon.errors import MalformedBody
from daemon.wire.attachment import attach
from daemon.wire.members import decode_json


@dataclass(frozen=True)
class Encoding:
    """A way to write a body.

    Parameters
    ----------
    content_type : str
        Its name on MQTT 5.
    read : callable
        A body that is not empty -> its members; null means that a member is not given.
    read_as_given : callable
        The same, with null and numbers as they stand: what a signature is over. Read the body first.
    write : callable
        What a reply says -> its bytes.
    """

    content_type: str
    read: Callable[[bytes], dict[str, Any]]
    read_as_given: Callable[[bytes], dict[str, Any]]
    write: Callable[[Any], bytes]


def _read_cbor(payload: bytes, *, as_given: bool = False) -> dict[str, Any]:
    # An idle daemon that is spoken to in JSON does without.
    from daemon.wire import cbor

    item = cbor.decode(payload, as_given=as_given)
    if not isinstance(item.value, dict):
        raise MalformedBody("the body is not a CBOR map: put its members in one")
    if item.end < len(payload):
        attach(item.value, payload[item.end :], terminated=item.closed)
    return item.value


def _write_cbor(value: Any) -> bytes:
    from daemon.wire import cbor

    return cbor.encode(value)


JSON = Encoding("application/json", decode_json, json.loads, msgspec.json.encode)
CBOR = Encoding(
    "application/cbor", _read_cbor, lambda payload: _read_cbor(payload, as_given=True), _write_cbor
)
#: What CBOR maps begin with, and no JSON does.
_FIRST_OF_MAPS = range(0xA0, 0xC0)


def encoding_of(payload: bytes, content_type: str | None = None) -> Encoding:
    """The encoding of a body, and so that of its reply.

    Parameters
    ----------
    payload : bytes
        The body; one that begins as a CBOR map does is CBOR whatever its sender says.
    content_type : str or None
        What its sender says it is.
    """
    is_map = bool(payload) and payload[0] in _FIRST_OF_MAPS
    return CBOR if is_map or content_type == CBOR.content_type else JSON


def read_body(payload: bytes, encoding: Encoding) -> dict[str, Any]:
    """The members of a body; an empty one has none.

    Raises
    ------
    MalformedBody
        It is not one strict object of its encoding.
    """
    return encoding.read(payload) if payload else {}
