"""Reading what can be read of a damaged database: recordings, each of which proves itself by its digest."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from daemon.database import Database


def salvage(damaged: Path, database: Database) -> tuple[int, int | None]:
    """Copy recordings out of a damaged database.

    Parameters
    ----------
    damaged : Path
        Its file; only read.
    database : Database
        Gets the recordings.

    Returns
    -------
    tuple of int and int or None
        How many were copied, and how many were found but unreadable; None where not even that can be told.
    """
    try:
        source = sqlite3.connect(damaged, isolation_level=None)
    except sqlite3.Error:
        return 0, None
    source.row_factory = sqlite3.Row
    copied = 0
    try:
        for row in _rows(source):
            # Every recording proves itself; what cannot be stored is damaged, too.
            data = row["data"]
            if isinstance(data, bytes) and hashlib.sha256(data).hexdigest() == row["sha256"]:
                with contextlib.suppress(sqlite3.IntegrityError):
                    _copy(row, database)
                    copied += 1
        return copied, _count(source, copied)
    finally:
        source.close()


def _rows(source: sqlite3.Connection) -> Iterator[sqlite3.Row]:
    """The rows that can be read, each by itself: an error costs no other row than its own."""
    for number in sorted(_ids(source)):
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            yield from source.execute("SELECT * FROM recording WHERE id = ?", (number,)).fetchall()


def _ids(source: sqlite3.Connection) -> set[int]:
    """Ids from the first on up to a damaged page, and from the last on down to one."""
    found: set[int] = set()
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
            # The table itself is read, not an index on it.
            for row in source.execute(f"SELECT id FROM recording NOT INDEXED ORDER BY id {order}"):
                found.add(row[0])
    return found


def _copy(row: sqlite3.Row, database: Database) -> None:
    names = row.keys()
    with database.transaction() as connection:
        connection.execute(
            f"INSERT INTO recording ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", tuple(row)
        )
        connection.execute(
            "INSERT OR IGNORE INTO project (id, created) VALUES (?, ?)", (row["project_id"], row["added"])
        )


def _count(source: sqlite3.Connection, copied: int) -> int | None:
    try:
        return int(source.execute("SELECT count(*) FROM recording").fetchone()[0]) - copied
    except (sqlite3.Error, UnicodeDecodeError):
        return None
