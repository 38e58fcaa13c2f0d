"""Repairing a state directory whose database is damaged or gone; a power cut may part it at any step.

The damaged database is moved into quarantine, never deleted: what can be read of its recordings, and the
last good copy of the settings, go into a new one. A file ``repairing`` says where it goes. While that is
there, whoever opens the directory begins again with an empty database.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daemon.data.index import utc_now
from daemon.database import FILE_NAME, Database
from daemon.durable import sync
from daemon.jobs.store import first_job_id
from daemon.models.registry import MANIFEST
from daemon.state.last_good import LastGood

_log = logging.getLogger(__name__)

QUARANTINE = "quarantine"
#: Damaged databases that are kept; older ones go.
_KEEP = 2
#: The file that says so.
UNDER_WAY = "repairing"
#: The log goes first: without it a database is older, with a foreign one it is wrong.
_FILES = (f"{FILE_NAME}-wal", f"{FILE_NAME}-shm", FILE_NAME)
#: Fact in the database: a loss that no operator has been told of yet.
_LOSS = "untold_loss"


def is_under_way(state: Path) -> bool:
    """Whether a repair has been begun and has not come to its end."""
    return (state / UNDER_WAY).exists()


def begin(state: Path) -> None:
    """Note that a repair is under way, and where the damaged database goes; nowhere if it is gone."""
    number = ""
    if (state / FILE_NAME).exists():
        number = str(max([0, *_numbers(state)]) + 1)
    part = state / f"{UNDER_WAY}.part"
    with part.open("w") as file:
        file.write(number)
        file.flush()
        os.fsync(file.fileno())
    part.rename(state / UNDER_WAY)
    sync(state)


def set_aside(state: Path) -> Path | None:
    """Make room for a new database; returns where the damaged one is now, None where there is none."""
    number = (state / UNDER_WAY).read_text()
    directory = state / QUARANTINE / number
    moved = not number or (directory / FILE_NAME).exists()
    if not moved:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    for name in _FILES:
        if moved:
            # What a repair that was cut off has made so far.
            (state / name).unlink(missing_ok=True)
        elif (state / name).exists():
            (state / name).rename(directory / name)
    if not number:
        return None
    sync(directory)
    sync(state)
    for older in sorted(_numbers(state))[:-_KEEP]:
        shutil.rmtree(state / QUARANTINE / str(older))
    return directory / FILE_NAME


def fill(database: Database, last_good: LastGood, state: Path, damaged: Path | None) -> None:
    """Put into a new database what is left, and note what is lost.

    Parameters
    ----------
    database : Database
        Empty.
    last_good : LastGood
        Copy of the settings.
    state : Path
        The state directory.
    damaged : Path or None
        The damaged database, where there is one.
    """
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


def end(state: Path) -> None:
    """Note that the new database is complete."""
    (state / UNDER_WAY).unlink()
    sync(state)


def untold_loss(database: Database) -> dict[str, Any] | None:
    """What was lost at this or an earlier start and has not been told yet."""
    told = database.meta(_LOSS)
    return None if not told else dict(json.loads(told))


def loss_told(database: Database) -> None:
    """Note that an operator will hear of the loss, inside the caller's transaction."""
    database.set_meta(_LOSS, "")


def _numbers(state: Path) -> Iterator[int]:
    """Of the databases in quarantine."""
    for entry in (state / QUARANTINE).glob("*"):
        if entry.name.isdigit():
            yield int(entry.name)


def _job_ids(state: Path) -> Iterator[int]:
    """Ids of jobs that left something outside the database."""
    for log in (state / "jobs").glob("*.log"):
        if log.stem.isdigit():
            yield int(log.stem)
    for manifest in state.glob(f"projects/*/models/*/*/{MANIFEST}"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            yield int(json.loads(manifest.read_bytes())["jobId"])
