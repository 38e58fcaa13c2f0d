"""The one SQLite file of the daemon: opening, migrating, transactions.

WAL with ``synchronous=FULL``: a committed transaction survives a power cut. One connection writes, on
the core thread; workers open the file read-only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.errors import DiskFull, StateError

FILE_NAME = "trainerd.db"

#: SQLITE_FULL; a quota or a limit on the size of files gives IOERR_WRITE, the WAL's index IOERR_SHMSIZE.
_FULL_CODES = (13, 10 | 3 << 8, 10 | 19 << 8)
_FULL_TEXTS = ("database or disk is full", "disk I/O error")

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
)


class Database:
    """The daemon's connection to its SQLite file.

    Parameters
    ----------
    path : Path
        The file; its directory must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._depth = 0

    def open(self) -> None:
        """Open, check and migrate the file.

        Raises
        ------
        StateError
            The file was written by a newer version of the daemon, or is damaged.
        DiskFull
            There is no room to open it.
        """
        with _disk_full_told():
            self._connection = sqlite3.connect(self.path, isolation_level=None, cached_statements=64)
            try:
                self._set_up(self._connection)
            except sqlite3.DatabaseError as error:
                self.close()
                if isinstance(error, sqlite3.OperationalError):
                    raise
                raise StateError(
                    f"{self.path} is damaged ({error}): restore it from a copy, or move it away to start anew"
                ) from error
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection."""
        if self._connection is None:
            raise StateError(f"{self.path} is not open")
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block is committed, or none of it; an inner block joins the outer one.

        Raises
        ------
        DiskFull
            There was no room; nothing was written.
        """
        connection = self.connection
        if self._depth:
            yield connection
            return
        with _disk_full_told():
            connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def meta(self, key: str) -> str | None:
        """A stored fact about this device, or None."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Store a fact about this device."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _set_up(self, connection: sqlite3.Connection) -> None:
        self.path.chmod(0o600)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-512")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StateError(
                f"{self.path} has schema {version}, this version knows up to {len(MIGRATIONS)}: "
                "install the newer version again, or use another state_dir"
            )
        for number in range(version, len(MIGRATIONS)):
            connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT"
            )


def open_read_only(path: str | Path) -> sqlite3.Connection:
    """A connection that cannot write, for workers."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


@contextmanager
def _disk_full_told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        # Python 3.10 has only the text.
        code = getattr(error, "sqlite_errorcode", None)
        full = str(error) in _FULL_TEXTS if code is None else code in _FULL_CODES
        if full:
            raise DiskFull(
                "the state directory's disk is full, or a quota is reached: free some space"
            ) from error
        raise
