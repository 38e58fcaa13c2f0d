"""ATK's predict: the cluster of each row of a frame, as the columns of a new frame.

Runs in the worker process; the rows of the new frame are left in a file, and the daemon stores them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from daemon.data.frame_rows import choose_columns, load_frame
from daemon.data.frames import FrameColumn
from daemon.errors import DatasetError, TrainingError
from daemon.models.atk import AtkPredictor, Centers, FloatArray, blocks, load
from daemon.pipeline import Emitter
from daemon.wire.worker import PredictionSpec

#: Rows of the new frame: little-endian float64.
ROWS_FILE = "frame.bin"

_CLUSTER = "predicted_cluster"


def run(spec: PredictionSpec, emit: Emitter) -> dict[str, Any]:
    """Assign each row of a frame to a cluster.

    Parameters
    ----------
    spec : PredictionSpec
        The job; its ``staging_dir`` holds ``frame.bin`` afterwards.
    emit : Emitter
        Hears of stages.

    Returns
    -------
    dict
        ``columns`` ([name, type] each) and ``rows`` (their number) of the new frame.

    Raises
    ------
    TrainingError
        The columns do not fit the model.
    DatasetError
        The frame does not fit.
    """
    emit.progress("prepare", 0.0)
    predictor = load(Path(spec.model_file))
    names = spec.columns or predictor.columns
    if len(names) != len(predictor.columns):
        raise TrainingError("Number of columns for train and predict should be same")
    frame, rows = load_frame(spec.database, spec.frame_id)
    made = _columns(predictor)
    if taken := {column.name for column in frame.columns} & {column.name for column in made}:
        raise DatasetError(f"frame {frame.id} has a column {min(taken)} already: predict on another frame")
    observed = choose_columns(frame, rows, names) * predictor.scalings
    emit.progress("prepare", 1.0)

    with (Path(spec.staging_dir) / ROWS_FILE).open("wb") as file:
        done = 0
        for block in blocks(observed, predictor.model.size):
            both = np.hstack([rows[done : done + len(block)], _assign(predictor, block)])
            file.write(both.astype("<f8").tobytes())
            done += len(block)
            emit.progress("evaluate", done / len(rows))
    columns = [[column.name, column.type] for column in (*frame.columns, *made)]
    return {"columns": columns, "rows": len(rows)}


def _columns(predictor: AtkPredictor) -> list[FrameColumn]:
    """The columns that a prediction adds."""
    if not isinstance(predictor.model, Centers):
        return [FrameColumn(_CLUSTER, "int32")]
    clusters = range(1, predictor.model.size + 1)
    distances = [FrameColumn(f"distance_from_cluster_{number}", "float64") for number in clusters]
    return [*distances, FrameColumn(_CLUSTER, "int32")]


def _assign(predictor: AtkPredictor, rows: FloatArray) -> FloatArray:
    """Values of the added columns for scaled rows; clusters are 0-based for a mixture, else 1-based."""
    if not isinstance(predictor.model, Centers):
        return predictor.model.assign(rows)[:, None].astype(float)
    distances = predictor.model.squared_distances(rows)
    return np.column_stack([distances, distances.argmin(axis=1) + 1.0])
