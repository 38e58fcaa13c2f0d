"""A prediction of ATK, from its record to a new frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.data.frames import Frame, FrameColumn, Frames
from daemon.database import Database
from daemon.errors import (
    Conflict,
    DatasetError,
    DiskFull,
    InvalidMember,
    JobDiskFull,
    NotFound,
    TrainingError,
)
from daemon.jobs.job import Job
from daemon.models.registry import Registry
from daemon.wire.atk import reference_id
from daemon.wire.worker import Log, PredictionSpec, Progress
from daemon.worker.runner import WorkerRunner

#: As `daemon.prediction` and `daemon.models.atk` write them, which need numpy.
_ROWS_FILE = "frame.bin"
_MODEL_FILE = "atk.json"

_ROWS_AT_ONCE = 1024


class PredictionRunner(WorkerRunner):
    """Makes frames with the cluster of each row.

    Parameters
    ----------
    config : Config
        Limits.
    database : Database
        Read by the worker, and where the new frame goes.
    frames : Frames
        The frames.
    registry : Registry
        Where the trained models are.
    """

    def __init__(self, config: Config, database: Database, frames: Frames, registry: Registry) -> None:
        super().__init__(config, database)
        self._frames = frames
        self._registry = registry
        self._made: dict[int, Frame] = {}

    async def run(
        self, job: Job, cancel: asyncio.Event, hear: Callable[[Progress | Log], None]
    ) -> dict[str, Any]:
        """Predict in a process of its own; returns the new frame as ATK shows it."""
        told = await super().run(job, cancel, hear)
        columns = [FrameColumn(name, type_) for name, type_ in told["columns"]]
        number = job.request["output"]
        frame = Frame(number, f"frame_{number}", columns, told["rows"])
        self._made[job.id] = frame
        return frame.shown()

    def spec(self, job: Job, staging: Path) -> PredictionSpec:
        """The prediction, by the version in use."""
        version = self._registry.current(job.project_id, job.learn_id)
        if version is None:
            raise TrainingError(f"model {job.learn_id} has not been trained", stage="prepare")
        arguments = job.request["arguments"]
        return PredictionSpec(
            job_id=job.id,
            database=str(self._database.path),
            staging_dir=str(staging),
            limits=self.limits(),
            model_file=str(self._registry.path(job.project_id, job.learn_id, version) / _MODEL_FILE),
            frame_id=reference_id(arguments["frame"]["uri"], "frame"),
            columns=arguments.get("observation_columns"),
        )

    def publish(self, job: Job) -> None:
        """Store the new frame."""
        made = self._made.pop(job.id)
        blocks = _blocks(self.staging(job) / _ROWS_FILE, 8 * len(made.columns) * _ROWS_AT_ONCE)
        try:
            with self._database.transaction():
                frame = self._frames.create(made.id, made.name, made.columns)
                self._frames.append_packed(frame, blocks)
        except (Conflict, InvalidMember) as error:
            raise DatasetError(error.message, stage="export") from error
        except DiskFull as error:
            raise JobDiskFull(error.message, stage="export", retryable=True) from error

    def recover(self, job: Job) -> dict[str, Any] | None:
        """The frame, where it had been stored before the daemon was cut off."""
        try:
            return self._frames.get(job.request["output"]).shown()
        except NotFound:
            return None

    def clean_up(self, job: Job) -> None:
        """Forget the frame, and delete the staging directory."""
        self._made.pop(job.id, None)
        super().clean_up(job)


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    """A file in blocks of whole rows."""
    with path.open("rb") as file:
        while block := file.read(size):
            yield block
