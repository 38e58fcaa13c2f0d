"""Prove that every offset of a .tflite file stays inside it, before anything reads it.

The schema's Python accessors do not check bounds. The tables and vectors that the reader visits
are walked here first, with a budget, so that a hostile file can neither lead outside nor make a
small file expand. Layout: https://flatbuffers.dev/internals/.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from firmware_export.errors import UnreadableModel

MAX_OBJECTS = 200_000
"""Tables, vectors and strings visited; the largest models here have a few thousand."""


@dataclass(frozen=True)
class Scalar:
    """A plain field of `size` bytes."""

    size: int


@dataclass(frozen=True)
class Vector:
    """An offset to a vector of plain elements of `size` bytes."""

    size: int


@dataclass(frozen=True)
class Tables:
    """An offset to a vector of tables."""

    fields: Fields


@dataclass(frozen=True)
class Table:
    """An offset to one table."""

    fields: Fields


@dataclass(frozen=True)
class Choice:
    """An offset to a table whose fields depend on the type byte in another slot."""

    type_slot: int
    members: Mapping[int, Fields]


Kind: TypeAlias = "Scalar | Vector | Tables | Table | Choice"
Fields: TypeAlias = "Mapping[int, Kind]"
STRING = Vector(1)


def verify(data: bytes, identifier: bytes, root: Fields) -> None:
    """Raise UnreadableModel unless the visited part of `data` lies inside it.

    Parameters
    ----------
    data
        The file.
    identifier
        Its four-byte file identifier.
    root
        The fields of the root table, by slot.
    """
    if len(data) < 8 or data[4:8] != identifier:
        raise UnreadableModel("not a TensorFlow Lite file: its identifier is missing")
    walk = _Walk(data)
    walk.table(walk.offset(0), root)


class _Walk:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_OBJECTS

    def _read(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self._data):
            raise UnreadableModel(f"an offset leads outside the file, at byte {at}")
        value: int = struct.unpack_from(form, self._data, at)[0]
        return value

    def _spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise UnreadableModel(f"more than {MAX_OBJECTS} objects")

    def offset(self, at: int) -> int:
        return at + self._read("<I", at)

    def table(self, at: int, fields: Fields) -> None:
        self._spend()
        vtable = at - self._read("<i", at)
        vtable_size, table_size = self._read("<H", vtable), self._read("<H", vtable + 2)
        if vtable_size < 4 or vtable_size % 2 or vtable + vtable_size > len(self._data):
            raise UnreadableModel(f"a broken table description, at byte {vtable}")
        if at + table_size > len(self._data):
            raise UnreadableModel(f"a table leads outside the file, at byte {at}")
        places: dict[int, int] = {}
        for slot, kind in fields.items():
            entry = 4 + 2 * slot
            if entry + 2 > vtable_size:
                continue
            within = self._read("<H", vtable + entry)
            if within == 0:
                continue
            size = kind.size if isinstance(kind, Scalar) else 4
            if within < 4 or within + size > table_size:
                raise UnreadableModel(f"a field lies outside its table, at byte {at}")
            places[slot] = at + within
            self._field(places, slot, kind)

    def _field(self, places: Mapping[int, int], slot: int, kind: Kind) -> None:
        at = places[slot]
        if isinstance(kind, Vector):
            self._vector(self.offset(at), kind.size)
        elif isinstance(kind, Tables):
            start = self.offset(at)
            for index in range(self._vector(start, 4)):
                self.table(self.offset(start + 4 + 4 * index), kind.fields)
        elif isinstance(kind, Table):
            self.table(self.offset(at), kind.fields)
        elif isinstance(kind, Choice):
            member = self._read("<B", places[kind.type_slot]) if kind.type_slot in places else 0
            if member in kind.members:
                self.table(self.offset(at), kind.members[member])

    def _vector(self, at: int, size: int) -> int:
        self._spend()
        count = self._read("<I", at)
        if at + 4 + count * size > len(self._data):
            raise UnreadableModel(f"a vector leads outside the file, at byte {at}")
        return count
