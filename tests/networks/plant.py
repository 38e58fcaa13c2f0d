"""Trainings of networks in this process: a project with labelled rows, and what comes out of a request."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.data.index import Column, DataIndex, Recording
from daemon.database import Database
from daemon.wire.worker import Progress, Spec
from tests.scenario import IMPULSE

Rows = npt.NDArray[np.float32]
LEARN_ID = 9


@dataclass
class Heard:
    """An emitter that writes down what it hears."""

    told: list[Progress] = field(default_factory=list)
    logged: list[tuple[str, str]] = field(default_factory=list)

    def progress(self, stage: str, fraction: float, metrics: dict[str, float] | None = None) -> None:
        """Write it down."""
        self.tell(Progress(stage, fraction, metrics=metrics))

    def tell(self, progress: Progress) -> None:
        """Write it down."""
        self.told.append(progress)

    def enter(self, stage: str) -> None:
        """Take note of the stage."""

    def check(self) -> None:
        """Nobody cancels."""

    def log(self, level: str, text: str) -> None:
        """Write it down."""
        self.logged.append((level, text))


@dataclass
class NetworkPlant:
    """A project with rows in the database, and somewhere to put versions."""

    path: Path
    versions: int = 0
    heard: Heard = field(default_factory=Heard)

    @contextlib.contextmanager
    def data(self) -> Iterator[DataIndex]:
        """The data of all projects, inside a transaction."""
        database = Database(self.path / "trainerd.db")
        database.open()
        try:
            with database.transaction():
                yield DataIndex(database)
        finally:
            database.close()

    def add(
        self, rows: npt.ArrayLike, labels: Sequence[str], category: str = "training", **members: Any
    ) -> None:
        """Import labelled rows as one table."""
        values = np.asarray(rows, "<f4")
        columns = [Column(f"c{number}") for number in range(values.shape[1])]
        with self.data() as data:
            recording = Recording(columns, 0, values.tobytes(), labels=list(labels), **members)
            data.add(1, category, recording)

    def spec(self, request: dict[str, Any], kind: str = "keras", **changes: Any) -> Spec:
        """A job on all columns."""
        self.versions += 1
        staging = self.path / "work" / str(self.versions)
        staging.mkdir(parents=True)
        block = {"id": LEARN_ID, "type": kind, "name": "net", "dsp": [2]}
        given = {
            "job_id": 41,
            "project_id": 1,
            "learn_id": LEARN_ID,
            "version": self.versions,
            "database": str(self.path / "trainerd.db"),
            "staging_dir": str(staging),
            "learn_block": block,
            "impulse": {**IMPULSE, "learnBlocks": [block]},
            "request": request,
            **changes,
        }
        return Spec(**given)

    def train(self, request: dict[str, Any], kind: str = "keras", **changes: Any) -> Path:
        """Run a job; returns the version's directory."""
        from daemon.networks import pipeline
        from daemon.trainers.keras.runtime import load_tensorflow

        spec = self.spec(request, kind, **changes)
        load_tensorflow(1, spec.seed)
        self.heard = Heard()
        pipeline.run(spec, self.heard)
        return Path(spec.staging_dir)


def read(directory: Path, name: str = "manifest.json") -> dict[str, Any]:
    """A JSON file of a version."""
    content: dict[str, Any] = json.loads((directory / name).read_bytes())
    return content
