"""The shape of the database, and how an older file gets it: a copy first, then step by step.

A newer file is refused and left alone: an older version would not know what it destroys.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from daemon.durable import sync
from daemon.errors import SchemaTooNew

#: Directory beside the database for the copy that is made before a migration.
BACKUPS = "backups"

#: Each entry brings the schema from its index to its index + 1.
MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

    CREATE TABLE job (
        id INTEGER PRIMARY KEY, request_id TEXT, project_id INTEGER NOT NULL, learn_id INTEGER NOT NULL,
        category TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL,
        created TEXT NOT NULL, started TEXT, finished TEXT, finished_successful INTEGER,
        resumed INTEGER NOT NULL DEFAULT 0, cancel_requested INTEGER NOT NULL DEFAULT 0,
        request TEXT NOT NULL, error TEXT, result TEXT
    );
    CREATE INDEX job_by_state ON job (state);

    CREATE TABLE request (
        identity TEXT PRIMARY KEY, digest BLOB NOT NULL, status INTEGER NOT NULL, reply BLOB NOT NULL,
        created INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX request_by_age ON request (created);

    CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, envelope BLOB NOT NULL);

    CREATE TABLE project (id INTEGER PRIMARY KEY, created TEXT NOT NULL, impulse TEXT);
    CREATE TABLE block (
        project_id INTEGER NOT NULL, learn_id INTEGER NOT NULL, settings TEXT NOT NULL,
        PRIMARY KEY (project_id, learn_id)
    ) WITHOUT ROWID;

    -- One row is one recording; id is the id of its first sample (a row of a feature table is a sample).
    CREATE TABLE recording (
        id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL, category TEXT NOT NULL, kind TEXT NOT NULL,
        name TEXT NOT NULL, label TEXT, labels TEXT, columns TEXT NOT NULL, interval_ms REAL NOT NULL,
        rows INTEGER NOT NULL, metadata TEXT, added TEXT NOT NULL, sha256 TEXT NOT NULL, data BLOB NOT NULL
    );
    CREATE INDEX recording_by_project ON recording (project_id, category, id);
    """,
    """
    CREATE TABLE atk_model (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL);

    CREATE TABLE frame (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, columns TEXT NOT NULL, rows INTEGER NOT NULL
    );
    -- A stretch of a frame's rows: little-endian float64, row by row.
    CREATE TABLE frame_part (
        frame_id INTEGER NOT NULL, first INTEGER NOT NULL, rows INTEGER NOT NULL, data BLOB NOT NULL
    );
    CREATE UNIQUE INDEX frame_part_by_place ON frame_part (frame_id, first);
    """,
    # Answers are kept by the time that the daemon has run, which no jump of the clock changes.
    "UPDATE request SET created = 0;",
    """
    -- Whether an acquisition object was signed: NULL, 'unchecked' or 'valid'.
    ALTER TABLE recording ADD COLUMN signature TEXT;
    -- What counts towards a quota: values and texts.
    ALTER TABLE recording ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    UPDATE recording SET bytes = length(data) + length(CAST(columns AS BLOB)) + length(CAST(name AS BLOB))
        + coalesce(length(CAST(labels AS BLOB)), 0) + coalesce(length(CAST(metadata AS BLOB)), 0);
    CREATE INDEX recording_by_size ON recording (project_id, bytes);

    -- Projects that are deleted, as long as their files are there.
    CREATE TABLE removal (project_id INTEGER PRIMARY KEY);
    """,
)

#: SQLite's number for ``PRAGMA auto_vacuum=INCREMENTAL``.
_INCREMENTAL = 2


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that no newer version of the daemon wrote a database; only reads it.

    Raises
    ------
    SchemaTooNew
        One did.
    """
    version = _version(connection)
    if version > len(MIGRATIONS):
        raise SchemaTooNew(
            f"{path} has schema {version}, this version knows up to {len(MIGRATIONS)}: install the newer "
            f"version again, use another state_dir, or put a backup of this version back"
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a database to the present schema.

    Parameters
    ----------
    connection : sqlite3.Connection
        Its only connection.
    path : Path
        Its file. The copy of an older one stays beside it, in ``backups/schema-<n>.db``.
    """
    version = _version(connection)
    if 0 < version < len(MIGRATIONS):
        backups = path.parent / BACKUPS
        backups.mkdir(mode=0o750, exist_ok=True)
        kept = backups / f"schema-{version}.db"
        copy_database(connection, kept)
        for older in backups.glob("schema-*.db"):
            if older != kept:
                older.unlink()
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(
            f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT"
        )


def lay_out(connection: sqlite3.Connection) -> None:
    """Lay a file out so that what is deleted can be cut off it, where an older version did not.

    Without room for a second copy it stays as it is: the room of what is deleted is used again, but kept.
    """
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != _INCREMENTAL:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        with contextlib.suppress(sqlite3.OperationalError):
            connection.execute("VACUUM")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copy a database, also one that is in use, to a file of its own that is complete and whole.

    Parameters
    ----------
    source : sqlite3.Connection
        What is committed when the copy begins is copied.
    target : Path
        Appears when the copy has been checked and is on disk.

    Raises
    ------
    sqlite3.DatabaseError
        The source is damaged.
    """
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        copy = sqlite3.connect(part, isolation_level=None)
        try:
            part.chmod(0o600)
            source.backup(copy)
            # One file, without the log that the daemon keeps beside its own.
            copy.execute("PRAGMA journal_mode=DELETE")
            check(copy, tables(copy))
        finally:
            copy.close()
        sync(part)
        part.replace(target)
        sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def tables(connection: sqlite3.Connection) -> list[str]:
    """Names of all tables."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [row[0] for row in found]


def check(connection: sqlite3.Connection, names: list[str]) -> None:
    """Read tables from end to end.

    Raises
    ------
    sqlite3.DatabaseError
        One of them is damaged.
    """
    for name in names:
        (found,) = connection.execute(f"PRAGMA quick_check({name})").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"table {name}: {found}")
