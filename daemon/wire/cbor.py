"""CBOR (RFC 8949), as much of it as means the same as JSON, and byte strings.

Written here because the libraries cannot be made as strict as the JSON side: cbor2 takes NaN, tags (and
makes dates, sets and cyclic objects of them), keys that are no text and bytes behind the object, and
carries a megabyte that an idle daemon has no use for.
"""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

from daemon.errors import MalformedBody
from daemon.wire.members import MAX_DEPTH

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_INDEFINITE = 31
_NULL = 0xF6
_CONSTANTS = {0xF4: False, 0xF5: True, _NULL: None}
_FLOATS = {0xF9: struct.Struct(">e"), 0xFA: struct.Struct(">f"), 0xFB: struct.Struct(">d")}


class Item(NamedTuple):
    """What was read.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, bytes, or lists and dicts of these.
    end : int
        Where it ends.
    closed : bool
        Whether its last byte is the break that ends an indefinite length.
    """

    value: Any
    end: int
    closed: bool


def decode(payload: bytes, *, as_given: bool = False) -> Item:
    """Read one item.

    Parameters
    ----------
    payload : bytes
        Begins with the item; its lengths may be indefinite.
    as_given : bool
        Keep members that are null, and numbers as they are written. Else null means that the member is not
        given, and a number without a fraction is an int, as `daemon.wire.members.decode_json` has it.

    Raises
    ------
    MalformedBody
        The item is cut off or not well-formed, nests too deeply, or holds what JSON has no word for: a tag,
        NaN, a name that is no text, or one that is given twice.
    """
    reader = _Reader(payload, as_given)
    value = reader.item(0)
    return Item(value, reader.position, reader.position == reader.last_break)


def encode(value: object) -> bytes:
    """Write what `decode` reads; integers as short as they can be, numbers with a fraction as float64.

    NaN and infinity become null, as they do in JSON.

    Parameters
    ----------
    value : object
        None, bool, int of 64 bits, float, str, bytes, or lists, tuples and dicts of these.
    """
    written = bytearray()
    _write(value, written)
    return bytes(written)


class _Reader:
    """A place in a payload; every length is held against what is left before anything is made of it."""

    def __init__(self, payload: bytes, as_given: bool) -> None:
        self._payload = payload
        self._as_given = as_given
        self.position = 0
        #: Where the latest break ends.
        self.last_break = -1

    def item(self, depth: int) -> Any:
        start = self.position
        if start == len(self._payload):
            raise self._cut_off()
        first = self._payload[start]
        self.position = start + 1
        # Most items of a body are numbers.
        if first < 24:
            return first
        if first in _FLOATS:
            return self._float(_FLOATS[first], start)
        major, info = first >> 5, first & 31
        if major == _UNSIGNED:
            return self._integer(self._argument(info, start))
        if major == _NEGATIVE:
            return self._integer(-1 - self._argument(info, start))
        if major == _SIMPLE:
            return self._constant(first, start)
        if major == _TAG:
            raise MalformedBody(f"the body holds a CBOR tag at byte {start}: send the plain value")
        count = None if info == _INDEFINITE else self._argument(info, start)
        if major in (_BYTES, _TEXT):
            return self._string(major, count, start)
        if depth == MAX_DEPTH:
            raise MalformedBody(f"the body nests deeper than {MAX_DEPTH} levels at byte {start}")
        return self._array(count, depth + 1) if major == _ARRAY else self._map(count, depth + 1)

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._payload):
            raise self._cut_off()
        taken = self._payload[self.position : end]
        self.position = end
        return taken

    def _cut_off(self) -> MalformedBody:
        return MalformedBody(f"the body is CBOR that is cut off at byte {len(self._payload)}")

    def _argument(self, info: int, start: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise MalformedBody(f"the body is not CBOR: byte {start} has no meaning")
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _float(self, layout: struct.Struct, start: int) -> float | int:
        (value,) = layout.unpack(self._take(layout.size))
        if not math.isfinite(value):
            raise MalformedBody(f"{value} at byte {start} of the body is not a JSON number")
        whole = not self._as_given and value.is_integer() and abs(value) < 2**53
        return int(value) if whole else value

    def _integer(self, value: int) -> float | int:
        return value if self._as_given or -(2**63) <= value < 2**63 else float(value)

    def _constant(self, first: int, start: int) -> Any:
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first & 31 == _INDEFINITE:
            raise MalformedBody(f"the body is not CBOR: byte {start} ends what was not begun")
        raise MalformedBody(f"the body holds undefined, or a simple value, at byte {start}: send null")

    def _string(self, major: int, count: int | None, start: int) -> Any:
        if count is not None:
            content = self._take(count)
        else:
            parts = []
            while not self._ended():
                at = self.position
                first = self._take(1)[0]
                if first >> 5 != major or first & 31 == _INDEFINITE:
                    raise MalformedBody(f"the body is not CBOR: byte {at} is no part of the string before it")
                parts.append(self._take(self._argument(first & 31, at)))
            content = b"".join(parts)
        if major == _BYTES:
            return content
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise MalformedBody(f"the text at byte {start} of the body is not UTF-8") from None

    def _array(self, count: int | None, depth: int) -> list[Any]:
        self._check_count(count, 1)
        item = self.item
        if count is not None:
            return [item(depth) for _ in range(count)]
        found = []
        while not self._ended():
            found.append(item(depth))
        return found

    def _map(self, count: int | None, depth: int) -> dict[str, Any]:
        self._check_count(count, 2)
        found: dict[str, Any] = {}
        while count is None or count > 0:
            if count is not None:
                count -= 1
            elif self._ended():
                break
            start = self.position
            name = self.item(depth)
            if not isinstance(name, str):
                raise MalformedBody(f"the name of a member at byte {start} of the body is not text")
            if name in found:
                raise MalformedBody(f"{name}: the member is given twice")
            found[name] = self.item(depth)
        if self._as_given:
            return found
        return {name: value for name, value in found.items() if value is not None}

    def _check_count(self, count: int | None, least_bytes: int) -> None:
        """An item has at least a byte: a count beyond what is left is refused before it costs anything."""
        if count is not None and count * least_bytes > len(self._payload) - self.position:
            raise self._cut_off()

    def _ended(self) -> bool:
        if self._payload[self.position : self.position + 1] == b"\xff":
            self.position += 1
            self.last_break = self.position
            return True
        return False


def _write(value: object, written: bytearray) -> None:
    if value is None or isinstance(value, bool):
        written.append({False: 0xF4, True: 0xF5, None: _NULL}[value])
    elif isinstance(value, int):
        _write_head(*((_UNSIGNED, value) if value >= 0 else (_NEGATIVE, -1 - value)), written)
    elif isinstance(value, float) and not math.isfinite(value):
        written.append(_NULL)
    elif isinstance(value, float):
        written += b"\xfb" + struct.pack(">d", value)
    elif isinstance(value, str):
        encoded = value.encode()
        _write_head(_TEXT, len(encoded), written)
        written += encoded
    elif isinstance(value, bytes):
        _write_head(_BYTES, len(value), written)
        written += value
    elif isinstance(value, (list, tuple)):
        _write_head(_ARRAY, len(value), written)
        for item in value:
            _write(item, written)
    elif isinstance(value, dict):
        _write_head(_MAP, len(value), written)
        for name, item in value.items():
            _write(name, written)
            _write(item, written)
    else:
        raise TypeError(f"{type(value).__name__} is not of CBOR")


def _write_head(major: int, argument: int, written: bytearray) -> None:
    if argument < 24:
        written.append(major << 5 | argument)
        return
    size = next(size for size in (1, 2, 4, 8) if argument < 1 << (8 * size))
    written.append(major << 5 | (23 + size.bit_length()))
    written += argument.to_bytes(size, "big")
