"""The queue: submits, starts, cancels, resumes and ends jobs; each reaches one terminal state, once.

It knows neither MQTT nor processes: a `Runner` does the work, `Observer`s hear of every change. All
of it runs on the core thread, so no step interleaves with another.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from daemon import faults
from daemon.data.index import utc_now
from daemon.database import Database
from daemon.errors import (
    Conflict,
    DiskUnwritable,
    JobCanceled,
    JobDatabaseDamaged,
    JobDiskFull,
    JobError,
    JobInterrupted,
    JobTimedOut,
    QueueFull,
    means_full_disk,
)
from daemon.jobs.job import MAX_RESUMES, Job, State, info
from daemon.jobs.store import JobStore
from daemon.state.reserve import Reserve
from daemon.wire.jobs import JobErrorInfo, JobInfo, ProgressInfo
from daemon.wire.worker import Log, Progress, overall

_log = logging.getLogger(__name__)

#: Seconds before something is tried again that the disk did not allow.
_PAUSE_S = 2.0


class Observer(Protocol):
    """Who wants to hear of jobs."""

    def job_changed(self, job: JobInfo) -> None:
        """A job has another state; called inside the transaction that makes it so."""

    def job_progressed(self, job_id: int, progress: ProgressInfo) -> None:
        """A running job has got further; at most once a second."""

    def job_logged(self, job_id: int, line: Log) -> None:
        """A running job has written a line."""

    def job_forgotten(self, job_id: int) -> None:
        """A job is no longer remembered."""


class Runner(Protocol):
    """Who does the work of a job."""

    async def run(
        self, job: Job, cancel: asyncio.Event, hear: Callable[[Progress | Log], None]
    ) -> dict[str, Any]:
        """Do the work; returns the result, with the artefacts ready to be published.

        Raises
        ------
        JobError
            The job ends otherwise.
        """

    def publish(self, job: Job) -> None:
        """Let the artefacts of a finished job appear."""

    def recover(self, job: Job) -> dict[str, Any] | None:
        """The result of a job whose artefacts had appeared before it was cut off, or None."""

    def clean_up(self, job: Job) -> None:
        """Delete what the job needed only while it ran."""


class _Running:
    """What is known of a running job in memory only."""

    def __init__(self) -> None:
        self.cancel = asyncio.Event()
        self.began = time.monotonic()
        self.told = 0.0
        self.stage = "prepare"
        self.progress = 0.0
        self.last: ProgressInfo | None = None


class JobQueue:
    """The queue of one device.

    Parameters
    ----------
    database : Database
        Where jobs are kept.
    store : JobStore
        The job table.
    runner : Runner
        Does the work.
    concurrent : int
        Jobs that run at the same time.
    max_queued : int
        Jobs that may wait.
    keep : int
        Ended jobs that are remembered.
    reserve : Reserve
        Room on the disk for writing the end of a job.
    """

    def __init__(
        self,
        database: Database,
        store: JobStore,
        runner: Runner,
        *,
        concurrent: int = 1,
        max_queued: int = 100,
        keep: int = 100,
        reserve: Reserve,
    ) -> None:
        self._database = database
        self._store = store
        self._runner = runner
        self._concurrent = concurrent
        self._max_queued = max_queued
        self._keep = keep
        self._reserve = reserve
        self._running: dict[int, _Running] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._serving = False
        self._again: asyncio.TimerHandle | None = None
        self.observers: list[Observer] = []

    def submit(
        self,
        *,
        project_id: int,
        learn_id: int,
        category: str,
        key: str,
        request: dict[str, Any],
        request_id: str | None,
    ) -> Job:
        """Queue a job, inside the caller's transaction; call `kick` after it is committed.

        Raises
        ------
        QueueFull
            Too many jobs wait.
        """
        waiting = sum(job.state is State.QUEUED for job in self._store.open())
        if waiting >= self._max_queued:
            raise QueueFull(f"{waiting} jobs wait, which is the most: try again when some have ended")
        job = self._store.create(
            project_id=project_id,
            learn_id=learn_id,
            category=category,
            key=key,
            request=request,
            request_id=request_id,
            now=utc_now(),
        )
        self._tell(job)
        return job

    def record(
        self,
        *,
        project_id: int,
        learn_id: int,
        category: str,
        key: str,
        request: dict[str, Any],
        request_id: str | None,
        result: dict[str, Any],
    ) -> Job:
        """Keep a job whose work is done already, inside the caller's transaction."""
        now = utc_now()
        job = self._store.create(
            project_id=project_id,
            learn_id=learn_id,
            category=category,
            key=key,
            request=request,
            request_id=request_id,
            now=now,
        )
        return self._end(self._store.change(job, State.IN_PROGRESS, started=now), None, result)

    def cancel(self, job_id: int) -> Job:
        """Stop a job, inside the caller's transaction; a running one stops in its own time.

        Raises
        ------
        NotFound
            There is no such job.
        Conflict
            It has ended already.
        """
        job = self._store.get(job_id)
        if job.state.terminal:
            raise Conflict(f"job {job_id} has already ended: it is {job.state.value}")
        if job.state is State.QUEUED:
            self._runner.clean_up(job)
            return self._end(job, JobCanceled("canceled before it started"))
        if not job.cancel_requested:
            job = self._store.request_cancel(job)
        if job_id in self._running:
            self._running[job_id].cancel.set()
        return job

    def recover(self) -> None:
        """At start-up: finish, resume or give up what was interrupted, as soon as that can be written."""
        try:
            for job in self._store.open():
                if job.state is State.IN_PROGRESS:
                    self._pick_up(job)
        except DiskUnwritable as error:
            _log.error("interrupted jobs wait: %s", error.message)
            self._reserve.free()
            self._again = asyncio.get_running_loop().call_later(_PAUSE_S, self.recover)
            return
        self._serving = True
        self.kick()

    def kick(self) -> None:
        """Start queued jobs as far as there is room; never two of the same learn block at once.

        Before `recover` and after `stop` nothing is started: they wait for a daemon that runs.
        """
        if not self._serving:
            return
        jobs = self._store.open()
        busy = {(job.project_id, job.learn_id) for job in jobs if job.id in self._tasks}
        for job in jobs:
            if len(self._tasks) >= self._concurrent:
                return
            if job.state is State.QUEUED and job.id not in self._tasks:
                if (job.project_id, job.learn_id) in busy:
                    continue
                busy.add((job.project_id, job.learn_id))
                self._tasks[job.id] = asyncio.get_running_loop().create_task(self._run(job))

    async def stop(self) -> None:
        """Stop running jobs without ending them; the next start resumes them."""
        self._serving = False
        if self._again is not None:
            self._again.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def info(self, job: Job) -> JobInfo:
        """A job as it goes over the wire, with its present stage and progress."""
        running = self._running.get(job.id)
        if running is None:
            stage = job.error.stage if job.error is not None else None
            return info(job, stage)
        return info(job, running.stage, running.progress)

    def last_progress(self, job_id: int) -> ProgressInfo | None:
        """The latest progress of a running job."""
        running = self._running.get(job_id)
        return None if running is None else running.last

    def _pick_up(self, job: Job) -> None:
        """Finish, resume or give up a job that was cut off while it ran."""
        result = self._runner.recover(job)
        error: JobError | None = None
        if result is None and job.cancel_requested:
            error = JobCanceled("canceled while it ran")
        elif result is None and job.resumed >= MAX_RESUMES:
            error = JobInterrupted(f"interrupted {job.resumed + 1} times; the last time it was given up")
        elif result is None:
            # What the runner kept of it stays: it goes on from there.
            with self._database.transaction():
                self._tell(self._store.change(job, State.QUEUED, resumed=job.resumed + 1))
            return
        self._runner.clean_up(job)
        with self._database.transaction():
            self._end(job, error, result)

    async def _run(self, job: Job) -> None:
        try:
            await self._work(job)
        except Exception:  # noqa: BLE001
            # A queued job is simply tried again; a running one was cut off, as by the end of the daemon.
            _log.exception("job %d could not be carried on", job.id)
            await self._take_up_again(job.id)
        finally:
            self._running.pop(job.id, None)
            self._tasks.pop(job.id, None)
            asyncio.get_running_loop().call_soon(self.kick)

    async def _take_up_again(self, job_id: int) -> None:
        """Try until it is written what becomes of a job that was cut off: else nobody would go on with it."""
        written = False
        while not written:
            await asyncio.sleep(_PAUSE_S)
            self._running.pop(job_id, None)
            try:
                job = self._store.get(job_id)
                if job.state is State.IN_PROGRESS:
                    self._pick_up(job)
                written = True
            except Exception as error:  # noqa: BLE001
                _log.error("job %d cannot be taken up again yet: %s", job_id, error)

    async def _work(self, job: Job) -> None:
        faults.point("job.before_start")
        self._reserve.fill()
        with self._database.transaction():
            job = self._store.change(job, State.IN_PROGRESS, started=utc_now())
            self._running[job.id] = _Running()
            self._tell(job)
        error, result = None, None
        try:
            faults.point("job.started")
            result = await self._runner.run(
                job, self._running[job.id].cancel, lambda event: self._hear(job.id, event)
            )
            faults.point("job.worker_done")
            self._runner.publish(job)
            faults.point("job.promoted")
        except JobError as raised:
            error, result = raised, raised.details
        except OSError as raised:
            kind = JobDiskFull if means_full_disk(raised) else JobError
            error = kind(f"the system failed: {raised}", retryable=True)
        except Exception as raised:  # noqa: BLE001
            _log.exception("job %d failed unexpectedly", job.id)
            error = JobError(f"unexpected {type(raised).__name__}: {raised}")
        if error is not None and (appeared := self._runner.recover(job)) is not None:
            # What everybody can see has come to its end, whatever went wrong after that.
            error, result = None, appeared
        self._runner.clean_up(job)
        faults.point("job.before_finish")
        await self._persist_end(job, error, result)
        faults.point("job.finished")
        if isinstance(error, JobDatabaseDamaged):
            self._database.suspect()

    async def _persist_end(self, job: Job, error: JobError | None, result: dict[str, Any] | None) -> None:
        """Write the end of a job; a full disk gives its reserve away first and is waited for after that."""
        while True:
            try:
                with self._database.transaction():
                    self._end(self._store.get(job.id), error, result)
                return
            except DiskUnwritable:
                self._reserve.free()
                await asyncio.sleep(_PAUSE_S)

    def _end(self, job: Job, error: JobError | None, result: dict[str, Any] | None = None) -> Job:
        state = State.SUCCEEDED
        details = None
        if error is not None:
            ends = {JobCanceled: State.CANCELED, JobTimedOut: State.TIMED_OUT}
            state = ends.get(type(error), State.FAILED)
            running = self._running.get(job.id)
            stage = error.stage or (running.stage if running is not None else None)
            details = JobErrorInfo(error.code, error.message, stage, error.retryable)
        job = self._store.change(
            job,
            state,
            finished=utc_now(),
            finished_successful=error is None,
            error=details,
            result=result,
        )
        self._running.pop(job.id, None)
        self._tell(job)
        for job_id in self._store.forget(self._keep):
            for observer in self.observers:
                observer.job_forgotten(job_id)
        return job

    def _tell(self, job: Job) -> None:
        for observer in self.observers:
            observer.job_changed(self.info(job))

    def _hear(self, job_id: int, event: Progress | Log) -> None:
        running = self._running.get(job_id)
        if running is None:
            return
        if isinstance(event, Log):
            for observer in self.observers:
                observer.job_logged(job_id, event)
            return
        now = time.monotonic()
        running.stage, running.progress = event.stage, max(overall(event), running.progress)
        elapsed = now - running.began
        eta = event.eta_s
        if eta is None and running.progress > 0.02:
            eta = elapsed * (1 - running.progress) / running.progress
        running.last = ProgressInfo(
            stage=event.stage,
            progress=round(running.progress, 4),
            epoch=event.epoch,
            epochs=event.epochs,
            metrics=event.metrics,
            eta_s=None if eta is None else round(eta, 1),
        )
        if now - running.told >= 1.0:
            running.told = now
            for observer in self.observers:
                observer.job_progressed(job_id, running.last)
