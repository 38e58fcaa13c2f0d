"""A packaging job, from its record to a file beside the version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.database import Database
from daemon.errors import ExportError, NotFound
from daemon.jobs.job import Job
from daemon.models.registry import INT8_NETWORK, Registry, int8_model
from daemon.wire.models import BUILD_TYPES
from daemon.wire.worker import BuildSpec
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
        version, kind = job.request["version"], job.request["type"]
        try:
            manifest = self._registry.manifest(job.project_id, job.learn_id, version)
        except NotFound as error:
            raise ExportError(error.message, stage="prepare") from None
        file = int8_model(manifest)
        if file is None:
            raise ExportError(f"version {version} has no int8 model: train it again", stage="prepare")
        return BuildSpec(
            job_id=job.id,
            database=str(self._database.path),
            staging_dir=str(staging),
            limits=self.limits(),
            model_file=str(self._registry.path(job.project_id, job.learn_id, version) / file),
            name=manifest["cName"],
            format=BUILD_TYPES[kind],
            labels=manifest["classes"]
            if file == INT8_NETWORK
            else [each["label"] for each in manifest["inputs"]],
            file_name=f"{manifest['cName']}-{kind}.zip",
        )

    def publish(self, job: Job) -> None:
        """Let the package appear beside its version."""
        (made,) = self.staging(job).iterdir()
        self._registry.keep_build(made, job.project_id, job.learn_id, job.request["version"])

    def recover(self, job: Job) -> dict[str, Any] | None:  # noqa: ARG002
        """None: a package that had appeared is made anew, the same bytes."""
        return None
