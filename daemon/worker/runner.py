"""Jobs that are done in worker processes: what all kinds have in common, and which kind does which job."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import msgspec

from daemon.config import Config
from daemon.database import Database
from daemon.errors import WorkerCrashed, WorkerKilled
from daemon.jobs.job import MAX_RESUMES, Job
from daemon.jobs.queue import Runner
from daemon.wire.worker import AKIDA_BEGUN, Log, Progress, Work, WorkerLimits
from daemon.worker.supervisor import run_worker


class WorkerRunner(ABC):
    """Runs one kind of job in worker processes; see `daemon.jobs.queue.Runner`.

    Parameters
    ----------
    config : Config
        Limits and bounds.
    database : Database
        Read by the worker.
    """

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database

    @abstractmethod
    def spec(self, job: Job, staging: Path) -> Work:
        """What the worker is told.

        Raises
        ------
        JobError
            The work is impossible.
        """

    @abstractmethod
    def publish(self, job: Job) -> None:
        """Let what the worker made appear."""

    @abstractmethod
    def recover(self, job: Job) -> dict[str, Any] | None:
        """The result of a job whose artefacts had appeared before it was cut off, or None."""

    async def run(
        self, job: Job, cancel: asyncio.Event, hear: Callable[[Progress | Log], None]
    ) -> dict[str, Any]:
        """Work in a process of its own; returns the result that the worker reported.

        A worker that dies is followed by another, as long as it had left something to go on from.
        """
        deadline = time.monotonic() + self._config.jobs.timeout_s
        for _ in range(MAX_RESUMES):
            before = self._checkpointed(job)
            try:
                return await self._run_once(job, cancel, hear, deadline - time.monotonic())
            except (WorkerCrashed, WorkerKilled) as error:
                if self._checkpointed(job) == before:
                    raise
                hear(Log("warn", f"{error.message}; another worker goes on from where it was"))
        return await self._run_once(job, cancel, hear, deadline - time.monotonic())

    async def _run_once(
        self, job: Job, cancel: asyncio.Event, hear: Callable[[Progress | Log], None], timeout_s: float
    ) -> dict[str, Any]:
        staging = self.staging(job)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        spec = self.spec(job, staging)
        limits = msgspec.structs.replace(spec.limits, seconds=timeout_s)
        return await run_worker(
            msgspec.structs.replace(spec, limits=limits),
            cancel,
            hear,
            timeout_s=timeout_s,
            grace_s=self.grace_s,
            worker=self.waiting_worker(job),
        )

    @property
    def grace_s(self) -> float:
        """Seconds between the steps of stopping a worker."""
        return self._config.jobs.cancel_grace_s

    def waiting_worker(self, job: Job) -> asyncio.subprocess.Process | None:  # noqa: ARG002
        """A worker that waits for such a job; None where one is to be started."""
        return None

    def _checkpointed(self, job: Job) -> int | None:
        """When the job last left something to go on from."""
        place = self.staging(job).parent
        found = [*place.glob("*.npz"), *place.glob(AKIDA_BEGUN)]
        return max((path.stat().st_mtime_ns for path in found), default=None)

    def clean_up(self, job: Job) -> None:
        """Delete the staging directory, and what the job could have gone on from."""
        shutil.rmtree(self.staging(job).parent, ignore_errors=True)

    def staging(self, job: Job) -> Path:
        """Where the worker leaves what it makes."""
        return self._config.state_path / "work" / str(job.id) / "made"

    def limits(self) -> WorkerLimits:
        """What a worker may use."""
        return worker_limits(self._config)


def worker_limits(config: Config) -> WorkerLimits:
    """What a worker may use by the configuration."""
    worker = config.worker
    return WorkerLimits(
        memory_bytes=worker.memory_bytes, nice=worker.nice, threads=worker.threads or os.cpu_count() or 1
    )


def remove_leftovers(work: Path, open_jobs: Container[int]) -> None:
    """Delete what workers left behind, but for what open jobs may go on from."""
    for directory in work.glob("*"):
        if not (directory.name.isdigit() and int(directory.name) in open_jobs):
            shutil.rmtree(directory, ignore_errors=True)


class RunnerByCategory:
    """Gives each job to the runner of its category; see `daemon.jobs.queue.Runner`.

    Parameters
    ----------
    runners : mapping of str to Runner
        By the category of a job.
    late : mapping of str to callable
        Makes the runner of a category when there is the first job for it: what it imports costs memory.
    """

    def __init__(self, runners: Mapping[str, Runner], late: Mapping[str, Callable[[], Runner]]) -> None:
        self._runners = dict(runners)
        self._late = late

    async def run(
        self, job: Job, cancel: asyncio.Event, hear: Callable[[Progress | Log], None]
    ) -> dict[str, Any]:
        """Do the work."""
        return await self._of(job).run(job, cancel, hear)

    def publish(self, job: Job) -> None:
        """Let the artefacts appear."""
        self._of(job).publish(job)

    def recover(self, job: Job) -> dict[str, Any] | None:
        """The result of a job whose artefacts had appeared, or None."""
        return self._of(job).recover(job)

    def clean_up(self, job: Job) -> None:
        """Delete what the job needed only while it ran."""
        self._of(job).clean_up(job)

    def _of(self, job: Job) -> Runner:
        if job.category not in self._runners:
            self._runners[job.category] = self._late[job.category]()
        return self._runners[job.category]
