"""The stage ``prepare`` of an ATK training: from a frame and the command to checked rows and settings."""

from __future__ import annotations

import numpy as np

from daemon.data.frame_rows import choose_columns, digest, load_frame
from daemon.data.holdout import hold_out
from daemon.data.index import Column
from daemon.database import open_read_only
from daemon.errors import DatasetError, InvalidMember, TrainingError
from daemon.evaluation import KnownRows
from daemon.preparation import Prepared, choose_c_name
from daemon.trainers.base import AnomalyTask
from daemon.trainers.checks import MIN_ROWS, check_finite
from daemon.trainers.settings import AnomalySettings
from daemon.trainers.table import ATK_TRAINERS
from daemon.wire.atk import GmmTrainArguments, KMeansTrainArguments, TrainArguments, reference_id
from daemon.wire.edge_impulse import LearnBlock
from daemon.wire.members import convert
from daemon.wire.worker import Spec

_ARGUMENTS: dict[str, type[TrainArguments]] = {
    "model:gmm": GmmTrainArguments,
    "model:k_means": KMeansTrainArguments,
}

#: Arguments that become settings of the version under a name of their own, or none.
_NOT_OPTIONS = ("model", "frame", "k", "seed")


def prepare_frame(spec: Spec) -> Prepared:
    """Read, select and check.

    The fit gets the columns in float64; what scores and judges gets them in float32, as the C does.

    Parameters
    ----------
    spec : Spec
        The job; its ``impulse`` is None.

    Returns
    -------
    Prepared

    Raises
    ------
    DatasetError
        The rows cannot be trained on.
    TrainingError
        The command does not fit the rows.
    ExportError
        No C identifier can be made of the model's name, or another model has the same one.
    """
    model_type, name = spec.learn_block["type"], spec.learn_block["name"]
    entry = ATK_TRAINERS[model_type]
    try:
        arguments = convert(spec.request["arguments"], _ARGUMENTS[model_type])
        frame_id = reference_id(arguments.frame, "frame")
    except InvalidMember as error:
        raise TrainingError(error.message) from error
    c_name = choose_c_name(name, _other_models(spec))

    frame, everything = load_frame(spec.database, frame_id)
    rows = choose_columns(frame, everything, arguments.observation_columns)
    if len(rows) < MIN_ROWS:
        raise DatasetError(f"frame {frame.id} has {len(rows)} rows: at least {MIN_ROWS} are needed")
    with np.errstate(over="ignore"):
        single = rows.astype(np.float32)
    inputs = [Column(column) for column in arguments.observation_columns]
    check_finite(single, inputs, lambda row: f"row {row} (from 0) of frame {frame.id}, as a float32")

    options = {
        field: getattr(arguments, field) for field in arguments.__struct_fields__ if field not in _NOT_OPTIONS
    }
    axes = tuple(range(len(inputs)))
    seed = spec.seed if arguments.seed is None else arguments.seed
    return Prepared(
        entry=entry,
        learn_block=LearnBlock(id=spec.learn_id, type=model_type, dsp=[], name=name),
        c_name=c_name,
        settings=AnomalySettings(
            axes=axes,
            cluster_count=arguments.k,
            options=options,
            threshold=None,
            threshold_source="suggested",
            embeddings_and_memory=True,
        ),
        task=AnomalyTask(np.array(axes, np.uint16), rows, arguments.k, options, seed),
        inputs=inputs,
        known=KnownRows(single, single[:0], single[:0]),
        held_out=hold_out(single, single[:0]),
        labels=[None] * len(rows),
        digest=digest(arguments.observation_columns, rows),
        warnings=[],
        needs_int8=False,
    )


def _other_models(spec: Spec) -> list[str]:
    """Names of the other ATK models of this device."""
    connection = open_read_only(spec.database)
    try:
        rows = connection.execute("SELECT name FROM atk_model WHERE id != ?", (spec.learn_id,)).fetchall()
    finally:
        connection.close()
    return [row["name"] for row in rows]
