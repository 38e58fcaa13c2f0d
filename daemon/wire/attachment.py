"""Values that follow a CBOR acquisition object as plain numbers, as microcontrollers record them.

The object's ``values`` is then ``["Ref-Binary-i16"]``, padded with blanks as the writer likes, and the header
ends with the byte 0xFF: the break of an array of indefinite length, or one more byte.
"""

from __future__ import annotations

import re
import sys
from array import array
from typing import Any

from daemon.errors import InvalidMember, MalformedBody

_REFERENCE = re.compile(r"ref-binary-(u8|u16|u32|i8|i16|i32|f32) *", re.IGNORECASE)
_CODES = {"u8": "B", "u16": "H", "u32": "I", "i8": "b", "i16": "h", "i32": "i", "f32": "f"}
_TERMINATOR = b"\xff"


def attach(body: dict[str, Any], rest: bytes, *, terminated: bool) -> None:
    """Put what follows an object beside the reference to it: ``values`` becomes ``[reference, bytes]``.

    Parameters
    ----------
    body : dict
        The object.
    rest : bytes
        What follows it.
    terminated : bool
        Whether the object's own last byte is the terminator.

    Raises
    ------
    MalformedBody
        Nothing refers to what follows, or no terminator comes before it.
    """
    payload = body.get("payload")
    values = payload.get("values") if isinstance(payload, dict) else None
    if not (isinstance(values, list) and len(values) == 1 and isinstance(values[0], str)):
        raise MalformedBody(f"the body has {len(rest)} bytes behind its CBOR map, and no reference to them")
    if not terminated:
        if not rest.startswith(_TERMINATOR):
            raise MalformedBody("the body has no 0xFF between its CBOR map and the binary values")
        rest = rest[1:]
    values.append(rest)


def is_reference(values: list[Any]) -> bool:
    """Whether ``values`` refers to binary values instead of holding rows."""
    return bool(values) and isinstance(values[0], str)


def as_float32(values: list[Any]) -> bytes:
    """Binary values as little-endian float32.

    Parameters
    ----------
    values : list
        ``[reference]``, or ``[reference, bytes]`` where something was attached; little-endian numbers.

    Raises
    ------
    InvalidMember
        The reference is unknown, or nothing, or only a part of a number, is attached.
    """
    place = "payload.values"
    known = _REFERENCE.fullmatch(values[0])
    if known is None:
        raise InvalidMember(f"{place}[0]", f"{values[0][:32]!r} is no reference; known are Ref-Binary-{_ALL}")
    if len(values) < 2 or not isinstance(values[1], bytes):
        raise InvalidMember(place, "refers to binary values, and none follow the CBOR object")
    numbers = array(_CODES[known[1].lower()])
    if len(values[1]) % numbers.itemsize:
        raise InvalidMember(
            place,
            f"{len(values[1])} bytes follow the CBOR object: a {known[1]} has {numbers.itemsize}",
        )
    numbers.frombytes(values[1])
    if sys.byteorder == "big":
        numbers.byteswap()
    singles = array("f", numbers)
    if sys.byteorder == "big":
        singles.byteswap()
    return singles.tobytes()


_ALL = ", ".join(_CODES)
