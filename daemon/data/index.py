"""What has been recorded: kept in the database, read and written without numpy.

A recording is one stretch of a time series, or a feature table whose rows are samples. Values are
little-endian float32, row by row: what a microcontroller computes with.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from array import array
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from daemon.database import Database
from daemon.errors import InvalidMember

CATEGORIES = ("training", "testing", "anomaly")
TIME_SERIES = "time-series"
FEATURES = "features"
#: Of an input block: its data are a feature table whose rows are images.
IMAGE = "image"

_NEXT_ID = "next_sample_id"


class Column(msgspec.Struct, frozen=True):
    """A column of a recording: its name and the unit of its values."""

    name: str
    units: str = "N/A"


class Recording(msgspec.Struct, frozen=True):
    """A recording as it is stored.

    Parameters
    ----------
    columns : list of Column
        The columns, in the order of the values.
    interval_ms : float
        Time between rows; 0 for a feature table.
    values : bytes
        Little-endian float32, shape (rows, columns), row by row.
    name : str
        Where the values came from: a file name, or empty.
    label : str or None
        Label of the whole recording.
    labels : list of str or None
        Label of each row of a feature table.
    metadata : dict or None
        Free text by key.
    signature : str or None
        ``valid`` or ``unchecked`` where it was signed.
    """

    columns: list[Column]
    interval_ms: float
    values: bytes
    name: str = ""
    label: str | None = None
    labels: list[str] | None = None
    metadata: dict[str, str] | None = None
    signature: Literal["valid", "unchecked"] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.values) // (4 * len(self.columns))

    @property
    def kind(self) -> str:
        """``time-series`` or ``features``."""
        return TIME_SERIES if self.interval_ms > 0 else FEATURES


class Summary(msgspec.Struct, frozen=True):
    """What one category of a project holds, without its values.

    Parameters
    ----------
    kind : str or None
        ``time-series`` or ``features``; None when there is nothing.
    columns : list of Column
        Columns of the recordings.
    rows : int
        Rows of all recordings together.
    recordings : list of tuple (rows, interval_ms)
        Length of each recording.
    """

    kind: str | None
    columns: list[Column]
    rows: int
    recordings: list[tuple[int, float]]


class DataIndex:
    """The recordings of all projects.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, project_id: int, category: str, recording: Recording) -> int:
        """Store a recording, inside the caller's transaction.

        Returns
        -------
        int
            Id of its first sample.

        Raises
        ------
        InvalidMember
            A value is not finite, or the columns differ from what the project holds.
        """
        _check_finite(recording)
        self._check_columns(project_id, recording)
        sample_id = self._new_ids(max(recording.rows, 1))
        stored = {
            "id": sample_id,
            "project_id": project_id,
            "category": category,
            "kind": recording.kind,
            "name": recording.name,
            "label": recording.label,
            "labels": None if recording.labels is None else json.dumps(recording.labels),
            "columns": msgspec.json.encode(recording.columns).decode(),
            "interval_ms": recording.interval_ms,
            "rows": recording.rows,
            "metadata": None if recording.metadata is None else json.dumps(recording.metadata),
            "added": utc_now(),
            "signature": recording.signature,
            "sha256": hashlib.sha256(recording.values).hexdigest(),
            "data": recording.values,
        }
        store(self._database, stored)
        return sample_id

    def summary(self, project_id: int, category: str = "training") -> Summary:
        """What a category of a project holds."""
        rows = self._database.connection.execute(
            "SELECT kind, columns, rows, interval_ms FROM recording"
            " WHERE project_id = ? AND category = ? ORDER BY id",
            (project_id, category),
        ).fetchall()
        if not rows:
            return Summary(None, [], 0, [])
        columns = msgspec.json.decode(rows[0]["columns"], type=list[Column])
        lengths = [(row["rows"], row["interval_ms"]) for row in rows]
        return Summary(rows[0]["kind"], columns, sum(length for length, _ in lengths), lengths)

    def labels(self, project_id: int, category: str = "training") -> list[str]:
        """Labels of a category of a project, each once, sorted; rows without a label have none."""
        found: set[str] = set()
        for row in self._database.connection.execute(
            "SELECT label, labels FROM recording WHERE project_id = ? AND category = ?",
            (project_id, category),
        ):
            found.update(json.loads(row["labels"]) if row["labels"] else [row["label"]])
        return sorted(label for label in found if label)

    def samples(
        self, project_id: int, category: str, offset: int, limit: int
    ) -> tuple[int, list[dict[str, object]]]:
        """Samples of a category without their values, oldest first.

        Returns
        -------
        tuple of int and list of dict
            How many there are in all, and those from `offset` on, at most `limit`.
        """
        total = 0
        listed: list[dict[str, object]] = []
        for row in self._database.connection.execute(
            "SELECT id, kind, name, label, labels, interval_ms, rows, metadata, added, signature, columns"
            " FROM recording WHERE project_id = ? AND category = ? ORDER BY id",
            (project_id, category),
        ):
            each_row = row["kind"] == FEATURES
            count = row["rows"] if each_row else 1
            first, last = max(offset - total, 0), min(offset + limit - total, count)
            labels = json.loads(row["labels"]) if row["labels"] and first < last else None
            listed += [
                {
                    "id": row["id"] + number,
                    "filename": row["name"],
                    "category": category,
                    "label": labels[number] if labels else row["label"],
                    "added": row["added"],
                    "intervalMs": row["interval_ms"],
                    "valuesCount": 1 if each_row else row["rows"],
                    "sensors": json.loads(row["columns"]),
                    "metadata": json.loads(row["metadata"]) if row["metadata"] else {},
                    "signatureMethod": "HS256" if row["signature"] else None,
                    "signatureValidate": row["signature"] == "valid",
                }
                for number in range(first, last)
            ]
            total += count
        return total, listed

    def _new_ids(self, count: int) -> int:
        """The first of so many ids; none is given again, also when the newest samples are deleted."""
        row = self._database.connection.execute("SELECT max(id), rows FROM recording").fetchone()
        behind = 1 if row[0] is None else row[0] + max(row["rows"], 1)
        first = max(behind, int(self._database.meta(_NEXT_ID) or 1))
        self._database.set_meta(_NEXT_ID, str(first + count))
        return first

    def _check_columns(self, project_id: int, recording: Recording) -> None:
        """All recordings of a project have the same kind and columns: one impulse reads them all."""
        row = self._database.connection.execute(
            "SELECT kind, columns FROM recording WHERE project_id = ? ORDER BY id LIMIT 1", (project_id,)
        ).fetchone()
        if row is None:
            return
        if row["kind"] != recording.kind:
            raise InvalidMember(
                "payload.interval_ms",
                f"project {project_id} holds {row['kind']} data, this is {recording.kind}: "
                "use another project",
            )
        present = [column["name"] for column in json.loads(row["columns"])]
        given = [column.name for column in recording.columns]
        if present != given:
            raise InvalidMember(
                "payload.sensors",
                f"project {project_id} holds the columns {', '.join(present)}, these are {', '.join(given)}: "
                "send the same columns in the same order, or use another project",
            )


def store(database: Database, stored: dict[str, Any]) -> None:
    """Write a row of the table of recordings, new or anew; its size is found here."""
    texts = (stored[name] for name in ("columns", "name", "labels", "metadata"))
    size = len(stored["data"]) + sum(len(text.encode()) for text in texts if text is not None)
    row = {**stored, "bytes": size}
    database.connection.execute(
        f"INSERT OR REPLACE INTO recording ({', '.join(row)}) VALUES (:{', :'.join(row)})", row
    )


def utc_now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"


def pack(rows: Sequence[Sequence[float]]) -> bytes:
    """Rows of numbers as little-endian float32."""
    values = array("f")
    for row in rows:
        values.extend(row)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def unpack(values: bytes) -> array[float]:
    """The numbers of little-endian float32."""
    found = array("f")
    found.frombytes(values)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def _check_finite(recording: Recording) -> None:
    """Refuse NaN and infinity; a number too large for float32 is infinite by now."""
    values = unpack(recording.values)
    if all(map(math.isfinite, values)):
        return
    position = next(number for number, value in enumerate(values) if not math.isfinite(value))
    row, column = divmod(position, len(recording.columns))
    raise InvalidMember(
        f"payload.values[{row}][{column}]",
        f"column {recording.columns[column].name} is not a finite float32 in row {row}",
    )
