"""A deployment, from its record to what its worker is told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.database import Database
from daemon.errors import DeployError
from daemon.jobs.job import Job
from daemon.models.registry import Registry
from daemon.wire.deploy import DeploySpec
from daemon.worker.int8_model import find_int8
from daemon.worker.runner import WorkerRunner

#: Seconds that a canceled deployment may go on: a flash that has begun is brought to its end.
_GRACE_S = 900.0


class DeployRunner(WorkerRunner):
    """Brings versions onto boards.

    Parameters
    ----------
    config : Config
        Limits, and the targets.
    database : Database
        Named to the worker, which does not need it.
    registry : Registry
        Where versions are.
    """

    def __init__(self, config: Config, database: Database, registry: Registry) -> None:
        super().__init__(config, database)
        self._registry = registry

    @property
    def grace_s(self) -> float:
        """A worker between two steps ends at once; one that waits for a flash ends with it."""
        return _GRACE_S

    def spec(self, job: Job, staging: Path) -> DeploySpec:
        """The version and the targets that the job was asked for."""
        known = self._config.targets or {}
        missing = [name for name in job.request["targets"] if name not in known]
        if missing:
            raise DeployError(f"the configuration has no target {missing[0]} any more", stage="build")
        model = find_int8(self._registry, job, DeployError, "build")
        return DeploySpec(
            job_id=job.id,
            database=str(self._database.path),
            staging_dir=str(staging),
            limits=self.limits(),
            project_id=job.project_id,
            learn_id=job.learn_id,
            version=job.request["version"],
            model_file=model.file,
            name=model.name,
            labels=model.labels,
            targets={name: known[name] for name in job.request["targets"]},
            socket=str(self._config.ports_socket_path),
            boards_dir=self._config.deploy.boards_dir,
        )

    def _checkpointed(self, job: Job) -> int | None:  # noqa: ARG002
        """Now: what a dead worker leaves to go on from is on the board, and the next one asks there."""
        return time.monotonic_ns()

    def publish(self, job: Job) -> None:
        """Nothing: what a board runs is asked from the board."""

    def recover(self, job: Job) -> dict[str, Any] | None:  # noqa: ARG002
        """None: a deployment that is begun again asks first, and sends nothing twice."""
        return None
