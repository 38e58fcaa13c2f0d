"""ATK's frames: tables with named columns, kept in the database, read and written without numpy.

Values are little-endian float64, row by row, in parts, so that no more than a part is in memory.
"""

from __future__ import annotations

import sqlite3
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from daemon.database import Database
from daemon.errors import InvalidMember, NotFound, QuotaExceeded

#: Most cells of a frame: 32 MB.
MAX_CELLS = 4_000_000

#: Bytes of a part, about.
_PART_BYTES = 256 * 1024

_INTEGERS = {"int32": 2**31, "int64": 2**53}
_LAST_ID = "last_frame_id"


class FrameColumn(msgspec.Struct, frozen=True, array_like=True):
    """A column of a frame: its name and ATK's word for the type of its values."""

    name: str
    type: str


class Frame(msgspec.Struct, frozen=True):
    """What is known of a frame without its rows."""

    id: int
    name: str
    columns: list[FrameColumn]
    rows: int

    def shown(self) -> dict[str, Any]:
        """The frame as ATK shows it."""
        return {
            "id": self.id,
            "uri": f"frames/{self.id}",
            "name": self.name,
            "entity_type": "frame:",
            "status": "Active",
            "schema": [[column.name, column.type] for column in self.columns],
            "row_count": self.rows,
            "links": [{"rel": "self", "uri": f"v1/frames/{self.id}", "method": "GET"}],
        }

    def positions(self, names: Sequence[str], place: str) -> list[int]:
        """Where columns stand, by name.

        Raises
        ------
        InvalidMember
            The frame has no such column; `place` is the member that names it.
        """
        present = [column.name for column in self.columns]
        for number, name in enumerate(names):
            if name not in present:
                raise InvalidMember(
                    f"{place}[{number}]",
                    f"frame {self.id} has no column {name!r}; it has {', '.join(present)}",
                )
        return [present.index(name) for name in names]


class Frames:
    """The frames of one device. Changes happen inside the caller's transaction.

    Parameters
    ----------
    database : Database
        Where they are kept.
    max_frames : int
        Most frames.
    max_mb : int
        Most MiB of rows of all frames together.
    """

    def __init__(self, database: Database, *, max_frames: int = 1000, max_mb: int = 256) -> None:
        self._database = database
        self._max_frames = max_frames
        self._max_mb = max_mb

    def new_id(self) -> int:
        """An id for a frame that is to come; it is never given again."""
        number = int(self._database.meta(_LAST_ID) or 0) + 1
        self._database.set_meta(_LAST_ID, str(number))
        return number

    def create(self, frame_id: int, name: str | None, columns: list[FrameColumn]) -> Frame:
        """Make a frame without rows.

        Parameters
        ----------
        frame_id : int
            What `new_id` gave.
        name : str or None
            Its name; one is made of the id where it is left out.
        columns : list of FrameColumn
            Its columns.

        Raises
        ------
        InvalidMember
            Two columns have the same name.
        QuotaExceeded
            There are too many frames.
        """
        (count,) = self._database.connection.execute("SELECT count(*) FROM frame").fetchone()
        if count >= self._max_frames:
            raise QuotaExceeded(
                f"the device holds {count} frames already: delete some (post v1/frames/{{id}}/delete), "
                "or raise data.max_frames"
            )
        names = [column.name for column in columns]
        for number, column in enumerate(names):
            if column in names[:number]:
                raise InvalidMember(f"schema[{number}][0]", f"{column} is already the name of another column")
        frame = Frame(frame_id, name or f"frame_{frame_id}", columns, 0)
        encoded = msgspec.json.encode(columns).decode()
        self._database.connection.execute(
            "INSERT INTO frame VALUES (?, ?, ?, 0)", (frame.id, frame.name, encoded)
        )
        return frame

    def append(self, frame: Frame, rows: Sequence[Sequence[float]]) -> Frame:
        """Add rows at the end of a frame.

        Parameters
        ----------
        frame : Frame
            The frame as it is now.
        rows : sequence of sequences of float
            One value for each column.

        Raises
        ------
        InvalidMember
            A row has another length, or a value is not of its column's type.
        QuotaExceeded
            There would be too many cells.
        """
        values = array("d")
        for number, row in enumerate(rows):
            _check_row(frame, number, row)
            values.extend(row)
        if sys.byteorder == "big":
            values.byteswap()
        return self.append_packed(frame, [values.tobytes()])

    def append_packed(self, frame: Frame, blocks: Iterable[bytes]) -> Frame:
        """Add rows that are little-endian float64 already; each block holds whole rows."""
        width = 8 * len(frame.columns)
        step = max(_PART_BYTES // width, 1) * width
        count, held = frame.rows, self._bytes_held()
        for block in blocks:
            held += len(block)
            if (count * width + len(block)) // 8 > MAX_CELLS:
                raise QuotaExceeded(f"a frame holds at most {MAX_CELLS} cells: put the rest into another one")
            if held > self._max_mb * 2**20:
                raise QuotaExceeded(
                    f"all frames together may hold {self._max_mb} MiB: delete some "
                    "(post v1/frames/{id}/delete), or raise data.max_frames_mb"
                )
            for start in range(0, len(block), step):
                part = block[start : start + step]
                self._database.connection.execute(
                    "INSERT INTO frame_part VALUES (?, ?, ?, ?)", (frame.id, count, len(part) // width, part)
                )
                count += len(part) // width
        self._database.connection.execute("UPDATE frame SET rows = ? WHERE id = ?", (count, frame.id))
        return msgspec.structs.replace(frame, rows=count)

    def get(self, frame_id: int) -> Frame:
        """One frame.

        Raises
        ------
        NotFound
            There is no such frame.
        """
        row = self._database.connection.execute("SELECT * FROM frame WHERE id = ?", (frame_id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no frame {frame_id}")
        return _from_row(row)

    def page(self, offset: int, count: int) -> list[Frame]:
        """Frames, oldest first."""
        return [
            _from_row(row)
            for row in self._database.connection.execute(
                "SELECT * FROM frame ORDER BY id LIMIT ? OFFSET ?", (count, offset)
            )
        ]

    def rows(self, frame: Frame, offset: int, count: int) -> list[list[float | int]]:
        """At most `count` rows from `offset` on, in the types of their columns."""
        width = len(frame.columns)
        found: list[list[float | int]] = []
        for part in self._database.connection.execute(
            "SELECT first, data FROM frame_part WHERE frame_id = ? AND first < ? AND first + rows > ?"
            " ORDER BY first",
            (frame.id, offset + count, offset),
        ):
            values = array("d")
            values.frombytes(part["data"])
            if sys.byteorder == "big":
                values.byteswap()
            start = max(offset - part["first"], 0)
            stop = min(offset + count - part["first"], len(values) // width)
            found += [_typed(frame, values[row * width : (row + 1) * width]) for row in range(start, stop)]
        return found

    def delete(self, frame_id: int) -> None:
        """Delete a frame.

        Raises
        ------
        NotFound
            There is no such frame.
        """
        self.get(frame_id)
        self._database.connection.execute("DELETE FROM frame_part WHERE frame_id = ?", (frame_id,))
        self._database.connection.execute("DELETE FROM frame WHERE id = ?", (frame_id,))

    def _bytes_held(self) -> int:
        held = self._database.connection.execute("SELECT sum(length(data)) FROM frame_part").fetchone()[0]
        return int(held or 0)


def _check_row(frame: Frame, number: int, row: Sequence[float]) -> None:
    if len(row) != len(frame.columns):
        raise InvalidMember(f"rows[{number}]", f"has {len(row)} values for {len(frame.columns)} columns")
    for position, (value, column) in enumerate(zip(row, frame.columns, strict=True)):
        limit = _INTEGERS.get(column.type)
        if limit is not None and not (float(value).is_integer() and -limit <= value < limit):
            raise InvalidMember(
                f"rows[{number}][{position}]", f"{value} is no {column.type} of {column.name}"
            )


def _typed(frame: Frame, row: array[float]) -> list[Any]:
    return [
        int(value) if column.type in _INTEGERS else value
        for value, column in zip(row, frame.columns, strict=True)
    ]


def _from_row(row: sqlite3.Row) -> Frame:
    columns = msgspec.json.decode(row["columns"], type=list[FrameColumn])
    return Frame(row["id"], row["name"], columns, row["rows"])
