"""A copy of what cannot be recorded again: impulses, settings, counters. It outlives a damaged database.

The tables are small, so the copy is one JSON file with a digest, written when they have changed; the
copy before it is kept beside it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

from daemon.database import Database
from daemon.durable import sync
from daemon.errors import means_full_disk, means_read_only
from daemon.schema import tables

_log = logging.getLogger(__name__)

FILE_NAME = "last-good.json"
PREVIOUS = "last-good.previous.json"

#: What is copied; rows are small and few.
TABLES = ("meta", "project", "block", "atk_model", "removal")
#: Facts that change with every job or connection: copied along, but no reason for a copy.
_PASSING = ("last_job_id", "broker_session", "latest_time", "last_frame_id", "next_sample_id")

Rows = dict[str, list[dict[str, Any]]]


class LastGood:
    """The copies in one state directory.

    Parameters
    ----------
    state_path : Path
        The state directory.
    """

    def __init__(self, state_path: Path) -> None:
        self._path = state_path / FILE_NAME
        self._previous = state_path / PREVIOUS
        self._changes = -1
        self._lasting: Rows | None = None

    def exists(self) -> bool:
        """Whether there is a copy, good or not."""
        return self._path.exists() or self._previous.exists()

    def keep(self, database: Database) -> None:
        """Write a copy if what lasts has changed since the one before; a disk without room is left alone."""
        changes = database.connection.total_changes
        if changes == self._changes:
            return
        rows = read_tables(database.connection)
        lasting = {**rows, "meta": [row for row in rows["meta"] if row["key"] not in _PASSING]}
        if lasting != self._lasting:
            try:
                self._write(rows)
            except OSError as error:
                if not (means_full_disk(error) or means_read_only(error)):
                    raise
                _log.warning("the settings cannot be copied: %s", error)
                return
        self._changes, self._lasting = changes, lasting

    def put_back(self, database: Database) -> int:
        """Fill a new database from the latest copy that is whole; returns the number of projects."""
        rows = next((found for found in map(_read_copy, (self._path, self._previous)) if found), None)
        if rows is None:
            return 0
        present = tables(database.connection)
        with database.transaction() as connection:
            for table, entries in rows.items():
                for entry in entries if table in present else ():
                    names = ", ".join(entry)
                    marks = ", ".join("?" * len(entry))
                    connection.execute(
                        f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", tuple(entry.values())
                    )
        return len(rows["project"])

    def _write(self, rows: Rows) -> None:
        text = _canonical(rows)
        digest = hashlib.sha256(text.encode()).hexdigest()
        part = self._path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f'{{"sha256": "{digest}", "tables": {text}}}\n')
            file.flush()
            os.fsync(file.fileno())
        if _read_copy(part) is None:
            raise OSError(f"{part} does not read as it was written")
        if _read_copy(self._path) is not None:
            self._path.replace(self._previous)
        part.replace(self._path)
        sync(self._path.parent)


def read_tables(connection: sqlite3.Connection) -> Rows:
    """The tables as they are now."""
    present = tables(connection)
    return {
        table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
        for table in TABLES
        if table in present
    }


def _read_copy(path: Path) -> Rows | None:
    """The tables in a copy, or None where it is missing or damaged."""
    try:
        content = json.loads(path.read_bytes())
        rows: Rows = content["tables"]
        good = hashlib.sha256(_canonical(rows).encode()).hexdigest() == content["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows if good else None


def _canonical(rows: Rows) -> str:
    return json.dumps(rows, sort_keys=True, separators=(",", ":"))
