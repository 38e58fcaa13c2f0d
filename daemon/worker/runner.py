"""A training job, from its record to a visible version."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.data.projects import Projects
from daemon.database import Database
from daemon.errors import TrainingError
from daemon.jobs.job import Job
from daemon.models.registry import Registry
from daemon.wire.worker import Log, Progress, Spec, WorkerLimits
from daemon.worker.supervisor import run_worker

_log = logging.getLogger(__name__)


class TrainingRunner:
    """Runs training jobs in worker processes.

    Parameters
    ----------
    config : Config
        Limits and bounds.
    database : Database
        Read by the worker.
    projects : Projects
        Impulses and settings.
    registry : Registry
        Where versions appear.
    """

    def __init__(self, config: Config, database: Database, projects: Projects, registry: Registry) -> None:
        self._config = config
        self._database = database
        self._projects = projects
        self._registry = registry
        self._versions: dict[int, int] = {}

    async def run(
        self, job: Job, cancel: asyncio.Event, hear: Callable[[Progress | Log], None]
    ) -> dict[str, Any]:
        """Train in a process of its own; see `daemon.jobs.queue.Runner`."""
        staging = self._staging(job)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        version = self._registry.next_version(job.project_id, job.learn_id)
        self._versions[job.id] = version
        return await run_worker(
            self._spec(job, version, staging),
            cancel,
            hear,
            timeout_s=self._config.jobs.timeout_s,
            grace_s=self._config.jobs.cancel_grace_s,
        )

    def publish(self, job: Job) -> None:
        """Let the version appear and become the current one."""
        version = self._versions.pop(job.id)
        self._registry.promote(self._staging(job), job.project_id, job.learn_id, version)
        try:
            self._registry.prune(job.project_id, job.learn_id, self._config.models.keep_versions)
        except OSError as error:
            # The new version is there: what could not be deleted is tried again by the next training.
            _log.warning("old versions could not be deleted: %s", error)

    def recover(self, job: Job) -> dict[str, Any] | None:
        """The result of a job whose version had appeared before the daemon was cut off."""
        version = self._registry.adopt(job.project_id, job.learn_id, job.id)
        if version is None:
            return None
        result: dict[str, Any] = self._registry.manifest(job.project_id, job.learn_id, version)["result"]
        return result

    def clean_up(self, job: Job) -> None:
        """Delete the staging directory."""
        self._versions.pop(job.id, None)
        shutil.rmtree(self._staging(job).parent, ignore_errors=True)

    def _spec(self, job: Job, version: int, staging: Path) -> Spec:
        impulse = self._projects.impulse(job.project_id)
        block = next((block for block in impulse["learnBlocks"] if block["id"] == job.learn_id), None)
        if block is None:
            raise TrainingError(
                f"learn block {job.learn_id} has been taken out of the impulse", stage="prepare"
            )
        worker = self._config.worker
        return Spec(
            job_id=job.id,
            project_id=job.project_id,
            learn_id=job.learn_id,
            version=version,
            database=str(self._database.path),
            staging_dir=str(staging),
            learn_block=block,
            impulse=impulse,
            request=job.request,
            settings=self._projects.settings(job.project_id, job.learn_id),
            gate=self._config.gate,
            limits=WorkerLimits(
                memory_bytes=_memory_limit(worker.memory_mb),
                nice=worker.nice,
                threads=worker.threads or os.cpu_count() or 1,
            ),
        )

    def _staging(self, job: Job) -> Path:
        return self._config.state_path / "work" / str(job.id) / "version"


def _memory_limit(memory_mb: int | None) -> int:
    """Bytes that a worker may use: as configured, else three quarters of the machine's memory."""
    if memory_mb is not None:
        return memory_mb * 1024 * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4 * 3
