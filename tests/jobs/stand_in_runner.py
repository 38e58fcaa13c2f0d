"""A stand-in for the runner of workers: each run lasts until a test says how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from daemon.errors import JobCanceled
from daemon.jobs.job import Job
from daemon.wire.worker import Log, Progress

Hear = Callable[[Progress | Log], None]


class StandInRunner:
    """Does no work: a test ends each run through `end`."""

    def __init__(self) -> None:
        self.running: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.hear: dict[int, Hear] = {}
        self.most_at_once = 0
        self.blocks_at_once: list[list[int]] = []
        self.published: list[int] = []
        self.appeared: dict[int, dict[str, Any]] = {}
        self.publish_error: Exception | None = None
        self.clean_up_error: Exception | None = None
        self._learn_ids: dict[int, int] = {}

    async def run(self, job: Job, cancel: asyncio.Event, hear: Hear) -> dict[str, Any]:
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.running[job.id] = future
        self._learn_ids[job.id] = job.learn_id
        self.hear[job.id] = hear
        self.most_at_once = max(self.most_at_once, len(self.running))
        self.blocks_at_once.append([self._learn_ids[job_id] for job_id in self.running])
        canceled = asyncio.ensure_future(cancel.wait())
        try:
            either: list[asyncio.Future[Any]] = [future, canceled]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if canceled.done():
                raise JobCanceled("canceled while it ran")
            return future.result()
        finally:
            canceled.cancel()
            del self.running[job.id]

    def end(self, job_id: int, ending: dict[str, Any] | Exception | None = None) -> None:
        future = self.running[job_id]
        if isinstance(ending, Exception):
            future.set_exception(ending)
        else:
            future.set_result(ending or {})

    def publish(self, job: Job) -> None:
        if self.publish_error is not None:
            raise self.publish_error
        self.published.append(job.id)

    def recover(self, job: Job) -> dict[str, Any] | None:
        return self.appeared.get(job.id)

    def clean_up(self, job: Job) -> None:
        if self.clean_up_error is not None:
            error, self.clean_up_error = self.clean_up_error, None
            raise error
