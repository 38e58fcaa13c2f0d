"""Opening the state directory, whatever has happened to it.

A damaged database is moved into quarantine, never deleted: what can be read of its recordings, and the
last good copy of the settings, go into a new one. What was lost is told to the operator.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from daemon.data.index import utc_now
from daemon.database import FILE_NAME, Database
from daemon.durable import sync
from daemon.errors import DatabaseDamaged, DiskFull
from daemon.jobs.store import JobStore, first_job_id
from daemon.models.registry import MANIFEST
from daemon.state.last_good import LastGood, read_tables
from daemon.state.reserve import Reserve
from daemon.state.swap import finish_restore

_log = logging.getLogger(__name__)

QUARANTINE = "quarantine"
#: Damaged databases that are kept; older ones go.
_KEEP = 2
#: Fact in the database: a loss that no operator has been told of yet.
_LOSS = "untold_loss"


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
    lost = not path.exists() and last_good.exists()
    if lost:
        _log.error("%s is gone", path)
    try:
        database = _open(path, reserve)
        _prove(database)
    except DatabaseDamaged as error:
        _log.error("%s", error.message)
        aside = _set_aside(path, state / QUARANTINE)
        database = _open(path, reserve)
        _repair(database, last_good, state, aside)
    else:
        if lost:
            _repair(database, last_good, state, None)
    last_good.keep(database)
    return database


def untold_loss(database: Database) -> dict[str, Any] | None:
    """What was lost at this or an earlier start and has not been told yet."""
    told = database.meta(_LOSS)
    return None if not told else dict(json.loads(told))


def loss_told(database: Database) -> None:
    """Note that an operator will hear of the loss, inside the caller's transaction."""
    database.set_meta(_LOSS, "")


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


def _set_aside(path: Path, quarantine: Path) -> Path:
    """Move a database with its log into a directory of its own; returns where it is now."""
    quarantine.mkdir(mode=0o750, exist_ok=True)
    present = sorted(int(entry.name) for entry in quarantine.iterdir() if entry.name.isdigit())
    directory = quarantine / str(present[-1] + 1 if present else 1)
    directory.mkdir(mode=0o750)
    # The log first: without it the database is older, with a foreign one it is wrong.
    for suffix in ("-wal", "-shm", ""):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(directory / file.name)
    sync(directory)
    sync(path.parent)
    for number in present[: len(present) + 1 - _KEEP]:
        for file in (quarantine / str(number)).iterdir():
            file.unlink()
        (quarantine / str(number)).rmdir()
    return directory / path.name


def _repair(database: Database, last_good: LastGood, state: Path, damaged: Path | None) -> None:
    # Imported on use, as few daemons ever need it.
    from daemon.state.salvage import salvage

    projects = last_good.put_back(database)
    recordings, lost = (0, None) if damaged is None else salvage(damaged, database)
    loss = {
        "when": utc_now(),
        "movedTo": None if damaged is None else str(damaged),
        "projectsRestored": projects,
        "recordingsRestored": recordings,
        "recordingsLost": lost,
    }
    with database.transaction():
        known = max([int(database.meta("last_job_id") or 0), *_job_ids(state)])
        database.set_meta("last_job_id", str(first_job_id(known)))
        database.set_meta(_LOSS, json.dumps(loss))
    _log.error(
        "a new database was made: %d projects and %d recordings are back; "
        "jobs, frames and answers to repeated requests are lost",
        projects,
        recordings,
    )


def _job_ids(state: Path) -> Iterator[int]:
    """Ids of jobs that left something outside the database."""
    for log in (state / "jobs").glob("*.log"):
        if log.stem.isdigit():
            yield int(log.stem)
    for manifest in state.glob(f"projects/*/models/*/*/{MANIFEST}"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            yield int(json.loads(manifest.read_bytes())["jobId"])
