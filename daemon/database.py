"""The one SQLite file of the daemon: opening, transactions, damage.

WAL with ``synchronous=FULL``: a committed transaction survives a power cut. One connection writes, on
the core thread; workers open the file read-only.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.errors import DatabaseDamaged, DiskFull, DiskReadOnly, StateError
from daemon.schema import check, lay_out, migrate, refuse_newer, tables

FILE_NAME = "trainerd.db"

#: SQLITE_FULL; a quota or a limit on the size of files gives IOERR_WRITE, the WAL's index IOERR_SHMSIZE.
_FULL_CODES = (13, 10 | 3 << 8, 10 | 19 << 8)
_FULL_TEXTS = ("database or disk is full", "disk I/O error")
_READ_ONLY_TEXT = "attempt to write a readonly database"

#: SQLITE_CORRUPT and SQLITE_NOTADB.
_DAMAGE_CODES = (11, 26)
_DAMAGE_TEXTS = ("database disk image is malformed", "file is not a database", "unsupported file format")

#: Bytes that are left of the write-ahead log once it is in the file.
_KEPT_WAL_BYTES = 1024 * 1024

#: Tables that hold what was recorded: too large to be read from end to end at each start.
_LARGE_TABLES = ("recording", "frame_part")
#: A file of this name, made when damage shows while the daemon runs, has the next start read everything.
SUSPECT = "suspect"


class Database:
    """The daemon's connection to its SQLite file.

    Parameters
    ----------
    path : Path
        The file; its directory must exist.

    Attributes
    ----------
    on_damage : callable
        Called when the file shows damage while it is in use.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.on_damage: Callable[[], None] = lambda: None
        self._connection: sqlite3.Connection | None = None
        self._depth = 0

    def open(self) -> None:
        """Open, check and migrate the file.

        Raises
        ------
        SchemaTooNew
            The file was written by a newer version of the daemon.
        DatabaseDamaged
            It is damaged.
        DiskFull, DiskReadOnly
            There is no room to open it, or it cannot be written.
        """
        with self._trouble_told():
            self._connection = sqlite3.connect(self.path, isolation_level=None, cached_statements=64)
            try:
                self._set_up(self._connection)
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                # The latter, too, is damage: SQLite quotes what it cannot read.
                self.close()
                if isinstance(error, sqlite3.OperationalError) and str(error) not in _DAMAGE_TEXTS:
                    raise
                raise DatabaseDamaged(f"{self.path} is damaged: {error}") from error
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
        DiskFull, DiskReadOnly
            There was no room, or no writing at all; nothing was written.
        """
        connection = self.connection
        if self._depth:
            yield connection
            return
        with self._trouble_told():
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

    def free_pages(self) -> int:
        """Pages of the file that hold nothing any more."""
        return int(self.connection.execute("PRAGMA freelist_count").fetchone()[0])

    def give_back(self, pages: int) -> None:
        """Cut at most so many free pages off the file.

        Raises
        ------
        DiskFull
            Moving what lies behind them needs room too.
        """
        with self._trouble_told():
            # A plain execute() takes only its first step, which is one page.
            self.connection.executescript(f"PRAGMA incremental_vacuum({pages})")
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def meta(self, key: str) -> str | None:
        """A stored fact about this device, or None."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Store a fact about this device."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def notice(self, error: Exception) -> None:
        """Look at an error that somebody met: damage ends the daemon, and is repaired at the next start."""
        if means_damage(error):
            self.suspect()

    def suspect(self) -> None:
        """End the daemon, and have the next start read the whole file."""
        with contextlib.suppress(OSError):
            (self.path.parent / SUSPECT).touch()
        self.on_damage()

    @property
    def is_suspect(self) -> bool:
        """Whether damage has shown since the file was opened."""
        return (self.path.parent / SUSPECT).exists()

    def _set_up(self, connection: sqlite3.Connection) -> None:
        refuse_newer(connection, self.path)
        self.path.chmod(0o600)
        connection.row_factory = sqlite3.Row
        # Says how a new file is laid out; nothing where there is one.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-512")
        connection.execute(f"PRAGMA journal_size_limit={_KEPT_WAL_BYTES}")
        thoroughly = self.is_suspect
        check(
            connection,
            [name for name in tables(connection) if thoroughly or name not in _LARGE_TABLES],
        )
        (self.path.parent / SUSPECT).unlink(missing_ok=True)
        migrate(connection, self.path)
        lay_out(connection)

    @contextmanager
    def _trouble_told(self) -> Iterator[None]:
        """What SQLite says of the disk, in this program's words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            self.notice(error)
            # Python 3.10 has only the text.
            code = getattr(error, "sqlite_errorcode", None)
            full = str(error) in _FULL_TEXTS if code is None else code in _FULL_CODES
            if str(error) == _READ_ONLY_TEXT or (full and is_read_only(self.path.parent)):
                raise DiskReadOnly(
                    f"{self.path.parent} is on a read-only file system: check the disk, then remount it"
                ) from error
            if full:
                raise DiskFull(
                    "the state directory's disk is full, or a quota is reached: free some space"
                ) from error
            raise


def open_read_only(path: str | Path) -> sqlite3.Connection:
    """A connection that cannot write, for workers."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def is_read_only(directory: Path) -> bool:
    """Whether the file system of a directory takes no writes, as some do not after an error.

    By trying: a kernel that has given up writing may still say that it is mounted for it.
    """
    probe = directory / "probe"
    try:
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def means_damage(error: Exception) -> bool:
    """Whether an error of SQLite says that the file is damaged."""
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    return str(error) in _DAMAGE_TEXTS if code is None else code & 0xFF in _DAMAGE_CODES
