"""Opening the state directory, whatever has happened to it."""

from __future__ import annotations

import json
import logging
import sqlite3
from pathlib import Path

import msgspec

from daemon.database import FILE_NAME, Database
from daemon.errors import DatabaseDamaged, DiskFull
from daemon.jobs.store import JobStore
from daemon.state import repair
from daemon.state.last_good import LastGood, read_tables
from daemon.state.reserve import Reserve
from daemon.state.swap import finish_restore

_log = logging.getLogger(__name__)


def open_database(state: Path, reserve: Reserve, last_good: LastGood) -> Database:
    """Open the database of a state directory, and repair what can be repaired.

    Parameters
    ----------
    state : Path
        The state directory, locked.
    reserve : Reserve
        Given away where there is no room to open.
    last_good : LastGood
        Copy of the settings.

    Raises
    ------
    StateError
        A newer version of the daemon wrote it.
    DiskFull, DiskReadOnly
        There is no room even without the reserve, or nothing can be written at all.
    """
    finish_restore(state)
    path = state / FILE_NAME
    database = None if repair.is_under_way(state) else _open_whole(path, reserve, last_good)
    if database is None:
        reserve.free()
        if not repair.is_under_way(state):
            repair.begin(state)
        damaged = repair.set_aside(state)
        database = _open(path, reserve)
        repair.fill(database, last_good, state, damaged)
        repair.end(state)
    last_good.keep(database)
    return database


def _open_whole(path: Path, reserve: Reserve, last_good: LastGood) -> Database | None:
    """The database, or None where it is damaged, or gone and not new."""
    if not path.exists() and last_good.exists():
        _log.error("%s is gone", path)
        return None
    try:
        database = _open(path, reserve)
        _prove(database)
    except DatabaseDamaged as error:
        _log.error("%s", error.message)
        return None
    return database


def _open(path: Path, reserve: Reserve) -> Database:
    database = Database(path)
    try:
        database.open()
    except DiskFull:
        # Opening needs some pages of its own; refusing requests from then on does not.
        reserve.free()
        database.open()
    return database


def _prove(database: Database) -> None:
    """Read what the daemon cannot start without, as SQLite cannot tell a wrong letter from a right one.

    Raises
    ------
    DatabaseDamaged
        It makes no sense.
    """
    try:
        JobStore(database).all()
        rows = read_tables(database.connection)
        for text in (
            *(row["impulse"] for row in rows["project"]),
            *(row["settings"] for row in rows["block"]),
        ):
            json.loads(text or "{}")
    except (sqlite3.Error, msgspec.MsgspecError, ValueError, TypeError) as error:
        database.close()
        raise DatabaseDamaged(f"{database.path} is damaged: {error}") from error
