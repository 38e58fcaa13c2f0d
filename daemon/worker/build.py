"""A packaging job, from its record to a file beside the version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.database import Database
from daemon.errors import ExportError
from daemon.jobs.job import Job
from daemon.models.registry import Registry
from daemon.wire.models import BUILD_TYPES
from daemon.wire.worker import BuildSpec
from daemon.worker.int8_model import find_int8
from daemon.worker.runner import WorkerRunner


class BuildRunner(WorkerRunner):
    """Packages the int8 models of versions.

    Parameters
    ----------
    config : Config
        Limits.
    database : Database
        Read by the worker.
    registry : Registry
        Where versions are and packages appear.
    """

    def __init__(self, config: Config, database: Database, registry: Registry) -> None:
        super().__init__(config, database)
        self._registry = registry

    def spec(self, job: Job, staging: Path) -> BuildSpec:
        """The version that was the current one when the job was asked for."""
        kind = job.request["type"]
        model = find_int8(self._registry, job, ExportError, "prepare")
        return BuildSpec(
            job_id=job.id,
            database=str(self._database.path),
            staging_dir=str(staging),
            limits=self.limits(),
            model_file=model.file,
            name=model.name,
            format=BUILD_TYPES[kind],
            labels=model.labels,
            file_name=f"{model.name}-{kind}.zip",
        )

    def publish(self, job: Job) -> None:
        """Let the package appear beside its version."""
        (made,) = self.staging(job).iterdir()
        self._registry.keep_build(made, job.project_id, job.learn_id, job.request["version"])

    def recover(self, job: Job) -> dict[str, Any] | None:  # noqa: ARG002
        """None: a package that had appeared is made anew, the same bytes."""
        return None
