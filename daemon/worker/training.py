"""A training job, from its record to a visible version."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import msgspec

from daemon.authority import admitted_script
from daemon.config import Config
from daemon.data.atk_models import AtkModels
from daemon.data.projects import Projects
from daemon.database import Database
from daemon.errors import NotFound, TrainingError
from daemon.jobs.job import AKIDA_LEARN, ATK_TRAIN, SET_THRESHOLDS, TRAIN_KERAS, Job
from daemon.models.registry import Registry
from daemon.wire.akida import AkidaTask, AkidaTerms
from daemon.wire.script import Bounds, ScriptTerms
from daemon.wire.worker import Spec
from daemon.worker.runner import WorkerRunner
from daemon.worker.spare import SpareWorker

_log = logging.getLogger(__name__)

_MIB = 2**20


class TrainingRunner(WorkerRunner):
    """Trains learn blocks of impulses and models of ATK.

    Parameters
    ----------
    config : Config
        Limits and bounds.
    database : Database
        Read by the worker.
    projects : Projects
        Impulses and settings.
    atk_models : AtkModels
        ATK's models.
    registry : Registry
        Where versions appear.
    spare : SpareWorker, optional
        Keeps a worker ready for the next network.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        projects: Projects,
        atk_models: AtkModels,
        registry: Registry,
        spare: SpareWorker | None = None,
    ) -> None:
        super().__init__(config, database)
        self._spare = spare
        self._renewal: asyncio.Task[None] | None = None
        self._projects = projects
        self._atk_models = atk_models
        self._registry = registry
        self._versions: dict[int, int] = {}

    def spec(self, job: Job, staging: Path) -> Spec:
        """The training, and the number of the version that it makes."""
        version = self._registry.next_version(job.project_id, job.learn_id)
        self._versions[job.id] = version
        block, impulse = self._learn_block(job)
        request, weights = self._asked(job)
        return Spec(
            job_id=job.id,
            project_id=job.project_id,
            learn_id=job.learn_id,
            version=version,
            database=str(self._database.path),
            staging_dir=str(staging),
            learn_block=block,
            impulse=impulse,
            request=request,
            settings=self._projects.settings(job.project_id, job.learn_id),
            gate=self._config.gate,
            limits=self.limits(),
            weights=weights,
            weights_dir=self._config.keras.weights_dir,
            script=self._script_terms(job),
            akida=self._config.keras.akida or AkidaTerms(),
            teaches=msgspec.convert(job.request, AkidaTask) if job.category == AKIDA_LEARN else None,
            input_bits=self._input_bits(job),
        )

    def _input_bits(self, job: Job) -> int:
        """Where there are boards, inputs stay as wide as they were: the new version then fits a slot."""
        if not self._config.targets:
            return 8
        try:
            before = self._registry.current_manifest(job.project_id, job.learn_id)
        except NotFound:
            return 8
        return before["result"].get("inputBits") or 8

    def publish(self, job: Job) -> None:
        """Let the version appear and become the current one."""
        version = self._versions.pop(job.id)
        self._registry.promote(self.staging(job), job.project_id, job.learn_id, version)
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

    def waiting_worker(self, job: Job) -> asyncio.subprocess.Process | None:
        """The spare worker, for a network."""
        if self._spare is None or job.category != TRAIN_KERAS:
            return None
        return self._spare.take()

    def clean_up(self, job: Job) -> None:
        """Forget the version's number, delete the staging directory, and get the next worker ready."""
        self._versions.pop(job.id, None)
        super().clean_up(job)
        if self._spare is not None:
            self._renewal = asyncio.ensure_future(self._spare.get_ready())

    def _script_terms(self, job: Job) -> ScriptTerms | None:
        """How the script of a job may be run, where it has one.

        Raises
        ------
        TrainingError
            Scripts are not taken here, any longer or at all, or nobody with the right to has sent this one.
        """
        script = job.request.get("script")
        if job.category != TRAIN_KERAS or job.request.get("mode") != "expert" or script is None:
            return None
        keys = self._config.auth.keys_file
        allowed, digest = self._config.keras.scripts, admitted_script(self._database, script)
        if allowed is None or digest is None:
            raise TrainingError(
                "script: is not run: " + ("it came unsigned" if allowed else "keras.expert.enabled is false"),
                stage="prepare",
            )
        return ScriptTerms(
            sha256=digest,
            bounds=Bounds(
                memory_bytes=allowed.memory_mb * _MIB,
                scratch_bytes=allowed.scratch_mb * _MIB,
                threads=self.limits().threads,
                wall_s=allowed.timeout_s,
            ),
            socket=allowed.socket,
            closed=[str(self._database.path), self._config.state_dir, *filter(None, [keys])],
        )

    def _asked(self, job: Job) -> tuple[dict[str, Any], str | None]:
        """What is asked for, and the version whose weights it is asked for with, where it is one."""
        if job.category not in (SET_THRESHOLDS, AKIDA_LEARN):
            return job.request, None
        try:
            if job.category == AKIDA_LEARN:
                # What has been learnt since it was asked for is kept.
                manifest = self._registry.current_manifest(job.project_id, job.learn_id)
                return manifest["request"], self._place(job, manifest["version"])
            version = job.request["version"]
            manifest = self._registry.manifest(job.project_id, job.learn_id, version)
        except NotFound as error:
            raise TrainingError(error.message, stage="prepare") from error
        # A count that the rows had set by default is the model's own by now.
        count = {
            name: manifest["settings"][name] for name in ("clusterCount",) if name in manifest["settings"]
        }
        request = {**manifest["request"], **count, **job.request["members"]}
        return request, self._place(job, version)

    def _place(self, job: Job, version: int) -> str:
        return str(self._registry.path(job.project_id, job.learn_id, version))

    def _learn_block(self, job: Job) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """What is trained, and the impulse that it belongs to; an ATK model belongs to none."""
        if job.category == ATK_TRAIN:
            model = self._atk_models.get(job.learn_id)
            return {"id": model.id, "type": model.type, "name": model.name}, None
        impulse = self._projects.impulse(job.project_id)
        block = next((block for block in impulse["learnBlocks"] if block["id"] == job.learn_id), None)
        if block is None:
            raise TrainingError(
                f"learn block {job.learn_id} has been taken out of the impulse", stage="prepare"
            )
        return block, impulse
