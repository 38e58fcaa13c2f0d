"""What happens to jobs, in the daemon's own log: each record carries the job's id for the journal."""

from __future__ import annotations

import asyncio
import logging

from daemon.errors import NotFound
from daemon.jobs.store import JobStore
from daemon.wire.jobs import JobInfo, ProgressInfo
from daemon.wire.worker import Log

_log = logging.getLogger(__name__)

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}


class JobMessages:
    """An observer of the queue that logs.

    Parameters
    ----------
    store : JobStore
        Says whether a change was committed.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def job_changed(self, job: JobInfo) -> None:
        """Log a new state, once it is on disk: this is called inside the transaction that makes it so."""
        asyncio.get_running_loop().call_soon(self._log_change, job)

    def job_logged(self, job_id: int, line: Log) -> None:
        """Log a line of a worker."""
        level = _LEVELS.get(line.level, logging.INFO)
        _log.log(level, "job %d: %s", job_id, line.text, extra={"job_id": job_id})

    def job_progressed(self, job_id: int, progress: ProgressInfo) -> None:
        """Nothing to do."""

    def job_forgotten(self, job_id: int) -> None:
        """Nothing to do."""

    def _log_change(self, job: JobInfo) -> None:
        try:
            if self._store.get(job.id).version < job.version:
                return
        except NotFound:
            return
        why = "" if job.error is None else f": {job.error.code} in {job.error.stage}: {job.error.message}"
        level = logging.INFO if job.error is None else logging.WARNING
        _log.log(level, "job %d (%s) is %s%s", job.id, job.key, job.state, why, extra={"job_id": job.id})
