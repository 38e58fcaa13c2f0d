"""Jobs on disk: created once, changed only by compare-and-set, ended once."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from typing import Any

import msgspec

from daemon.clock import EARLIEST
from daemon.database import Database
from daemon.errors import Conflict, NotFound
from daemon.jobs.job import TRANSITIONS, Job, State
from daemon.wire.jobs import JobErrorInfo

_NAMES = Job.__struct_fields__
_COLUMNS = ", ".join(_NAMES)
_CHANGING = "state, version, started, finished, finished_successful, resumed, cancel_requested, error, result"
_OPEN = tuple(state.value for state in TRANSITIONS)


#: Ids that are passed over where nobody knows how many were given.
_UNKNOWN = 10_000_000


def first_job_id(known: int) -> int:
    """An id that no job of this device has had, nor will a later call give it again.

    Ids are seeded from the clock in tenths of a second and then counted, which is slower: whatever was
    given since the clock was right lies below. Without a clock a good many are passed over, how many is
    left to chance.

    Parameters
    ----------
    known : int
        The highest id that is known to have been given; 0 where none is.
    """
    now = time.time()
    if now >= EARLIEST:
        return max(int(now * 10), known + 1)
    return max(EARLIEST * 10, known) + _UNKNOWN + secrets.randbelow(_UNKNOWN)


class JobStore:
    """The job table.

    Parameters
    ----------
    database : Database
        Where it is kept. Changes happen inside the caller's transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        *,
        project_id: int,
        learn_id: int,
        category: str,
        key: str,
        request: dict[str, Any],
        request_id: str | None,
        now: str,
    ) -> Job:
        """Make a queued job; its id is new on this device, for good."""
        last = self._database.meta("last_job_id")
        job_id = first_job_id(0) if last is None else int(last) + 1
        self._database.set_meta("last_job_id", str(job_id))
        job = Job(
            id=job_id,
            request_id=request_id,
            project_id=project_id,
            learn_id=learn_id,
            category=category,
            key=key,
            state=State.QUEUED,
            version=1,
            created=now,
            request=request,
        )
        self._database.connection.execute(
            f"INSERT INTO job ({_COLUMNS}) VALUES (:{', :'.join(_NAMES)})", _to_row(job)
        )
        return job

    def get(self, job_id: int) -> Job:
        """One job.

        Raises
        ------
        NotFound
            There is no such job, or it is no longer remembered.
        """
        row = self._database.connection.execute(
            f"SELECT {_COLUMNS} FROM job WHERE id = ?", (job_id,)
        ).fetchone()
        if row is None:
            raise NotFound(f"job {job_id} is not known")
        return _from_row(row)

    def open(self) -> list[Job]:
        """Jobs that have not ended, oldest first."""
        marks = ", ".join("?" * len(_OPEN))
        return self._select(f"state IN ({marks}) ORDER BY id", _OPEN)

    def all(self) -> list[Job]:
        """All jobs that are remembered, oldest first."""
        return self._select("1 ORDER BY id", ())

    def of_project(self, project_id: int, ended: bool | None, offset: int, limit: int) -> list[Job]:
        """Ended or open jobs of a project, or both, newest first."""
        marks = ", ".join("?" * len(_OPEN))
        wanted = {None: "", False: f"AND state IN ({marks})", True: f"AND state NOT IN ({marks})"}[ended]
        return self._select(
            f"project_id = ? {wanted} ORDER BY id DESC LIMIT ? OFFSET ?",
            (project_id, *(() if ended is None else _OPEN), limit, offset),
        )

    def change(self, job: Job, state: State, **members: Any) -> Job:
        """Bring a job into another state.

        Parameters
        ----------
        job : Job
            The job as the caller knows it.
        state : State
            Its next state.
        **members
            Further members that change with it.

        Raises
        ------
        Conflict
            The job has changed meanwhile, or the step is not a legal one.
        """
        if state not in TRANSITIONS.get(job.state, ()):
            raise Conflict(f"job {job.id} is {job.state.value} and cannot become {state.value}")
        changed = msgspec.structs.replace(job, state=state, version=job.version + 1, **members)
        return self._replace(job, changed)

    def request_cancel(self, job: Job) -> Job:
        """Note that a running job is to be stopped, so that a restart does not resume it."""
        return self._replace(job, msgspec.structs.replace(job, cancel_requested=True))

    def forget(self, keep: int) -> list[int]:
        """Drop all but the `keep` newest ended jobs.

        Returns
        -------
        list of int
            Ids of the dropped ones.
        """
        marks = ", ".join("?" * len(_OPEN))
        rows = self._database.connection.execute(
            f"SELECT id FROM job WHERE state NOT IN ({marks}) ORDER BY id DESC LIMIT -1 OFFSET ?",
            (*_OPEN, keep),
        ).fetchall()
        ids = [row["id"] for row in rows]
        self._database.connection.executemany("DELETE FROM job WHERE id = ?", [(job_id,) for job_id in ids])
        return ids

    def _replace(self, old: Job, new: Job) -> Job:
        assignments = ", ".join(f"{name} = :{name}" for name in _CHANGING.split(", "))
        changed = self._database.connection.execute(
            f"UPDATE job SET {assignments} WHERE id = :id AND version = :known AND cancel_requested = :asked",
            {**_to_row(new), "known": old.version, "asked": old.cancel_requested},
        ).rowcount
        if not changed:
            raise Conflict(f"job {old.id} has changed meanwhile")
        return new

    def _select(self, where: str, arguments: tuple[Any, ...]) -> list[Job]:
        rows = self._database.connection.execute(f"SELECT {_COLUMNS} FROM job WHERE {where}", arguments)
        return [_from_row(row) for row in rows]


def _to_row(job: Job) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(job),
        "state": job.state.value,
        "request": json.dumps(job.request),
        "error": None if job.error is None else msgspec.json.encode(job.error).decode(),
        "result": None if job.result is None else json.dumps(job.result),
    }


def _from_row(row: sqlite3.Row) -> Job:
    successful = row["finished_successful"]
    return Job(
        **{
            **dict(row),
            "state": State(row["state"]),
            "request": json.loads(row["request"]),
            "finished_successful": None if successful is None else bool(successful),
            "cancel_requested": bool(row["cancel_requested"]),
            "error": None if row["error"] is None else msgspec.json.decode(row["error"], type=JobErrorInfo),
            "result": None if row["result"] is None else json.loads(row["result"]),
        }
    )
