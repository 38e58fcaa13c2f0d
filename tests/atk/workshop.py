"""A device's database with frames and models, and ATK jobs run on it in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon import pipeline, prediction
from daemon.data.atk_models import AtkModels
from daemon.data.frames import FrameColumn, Frames
from daemon.database import Database
from daemon.wire.worker import PredictionSpec, Spec
from tests.test_pipeline import Heard

Rows = npt.NDArray[np.float64]


@dataclass
class Workshop:
    """What ATK jobs need.

    Parameters
    ----------
    path : Path
        Holds the database and the versions.
    """

    path: Path
    jobs: int = 0

    def frame(self, rows: Rows, names: list[str] | None = None) -> int:
        """Store rows, under the names c0, c1, ... unless others are given; returns the frame's id."""
        names = names or [f"c{number}" for number in range(rows.shape[1])]
        with self._database() as database, database.transaction():
            frames = Frames(database)
            columns = [FrameColumn(name, "float64") for name in names]
            frame = frames.create(frames.new_id(), None, columns)
            return frames.append(frame, rows.tolist()).id

    def model(self, kind: str) -> int:
        """Make a model of `model:<kind>`; returns its id."""
        with self._database() as database, database.transaction():
            return AtkModels(database).create(None, f"model:{kind}").id

    def train(
        self, kind: str, rows: Rows, known: int | None = None, **arguments: Any
    ) -> tuple[Path, dict[str, Any], list[tuple[str, str]]]:
        """Train on all columns, a new model unless one is given: the version, its result and the log."""
        frame, model = self.frame(rows), known or self.model(kind)
        given = {
            "model": {"uri": f"models/{model}"},
            "frame": {"uri": f"frames/{frame}"},
            "observation_columns": [f"c{number}" for number in range(rows.shape[1])],
            "column_scalings": [1.0] * rows.shape[1],
            "seed": 1,
            **arguments,
        }
        self.jobs += 1
        staging = self.path / "work" / str(self.jobs)
        staging.mkdir(parents=True)
        spec = Spec(
            job_id=self.jobs,
            project_id=0,
            learn_id=model,
            version=1,
            database=str(self.path / "trainerd.db"),
            staging_dir=str(staging),
            learn_block={"id": model, "type": f"model:{kind}", "name": f"{kind}_{model}"},
            impulse=None,
            request={"name": f"model:{kind}/train", "arguments": given},
        )
        heard = Heard()
        result = json.loads(json.dumps(pipeline.run(spec, heard)))
        return staging, result, heard.logged

    def predict(
        self,
        version: Path,
        rows: Rows,
        columns: list[str] | None = None,
        names: list[str] | None = None,
    ) -> Rows:
        """The rows of the frame that a prediction makes."""
        self.jobs += 1
        staging = self.path / "work" / str(self.jobs)
        staging.mkdir(parents=True)
        told = prediction.run(
            PredictionSpec(
                job_id=self.jobs,
                database=str(self.path / "trainerd.db"),
                staging_dir=str(staging),
                model_file=str(version / "atk.json"),
                frame_id=self.frame(rows, names),
                columns=columns,
            ),
            Heard(),
        )
        values = np.frombuffer((staging / prediction.ROWS_FILE).read_bytes(), "<f8")
        assert len(values) == told["rows"] * len(told["columns"])
        return values.reshape(told["rows"], len(told["columns"]))

    def _database(self) -> Any:
        database = Database(self.path / "trainerd.db")
        database.open()
        return _Closing(database)


class _Closing:
    def __init__(self, database: Database) -> None:
        self._opened = database

    def __enter__(self) -> Database:
        return self._opened

    def __exit__(self, *_: object) -> None:
        self._opened.close()
