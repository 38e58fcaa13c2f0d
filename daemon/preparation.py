"""The stage ``prepare``: from the stored rows and the request to checked rows and settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daemon.data.dataset import load_dataset
from daemon.data.holdout import ANOMALY_LABELS, HeldOut, hold_out
from daemon.data.index import Column
from daemon.dsp.features import Features, extract_features
from daemon.dsp.outputs import learn_block_outputs
from daemon.errors import ExportError, InvalidMember, TrainingError
from daemon.evaluation import KnownRows
from daemon.trainers.base import AnomalyTask
from daemon.trainers.checks import check_finite, check_rows, settle_cluster_count
from daemon.trainers.settings import AnomalySettings, anomaly_settings
from daemon.trainers.table import LEARNERS, TRAINERS, TrainerEntry
from daemon.wire.edge_impulse import (
    Impulse,
    LearnBlock,
    SetAnomalyParameterRequest,
    StartTrainingRequestAnomaly,
)
from daemon.wire.members import convert
from daemon.wire.worker import Spec
from firmware_export.errors import NameRefused
from firmware_export.naming import identifier

FloatRows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """Checked rows and settings: all that a training needs to know.

    Parameters
    ----------
    entry : TrainerEntry
        Who trains.
    learn_block : LearnBlock
        What is trained.
    c_name : str
        Prefix of its C files and symbols.
    settings : AnomalySettings
        What the request and the stored settings amount to.
    task : AnomalyTask
        What the trainer is told: all training rows.
    inputs : list of Column
        Name and unit of each selected axis.
    known : KnownRows
        All rows of which it is known what they are.
    held_out : HeldOut
        Normal rows that the integer model is chosen by, and those that judge it.
    labels : list of (str or None)
        Label of each training row.
    digest : str
        SHA-256 over all that was read.
    warnings : list of str
        What a person should know.
    needs_int8 : bool
        Whether the training fails where no integer model is close enough; otherwise the version has none.
    """

    entry: TrainerEntry
    learn_block: LearnBlock
    c_name: str
    settings: AnomalySettings
    task: AnomalyTask
    inputs: list[Column]
    known: KnownRows
    held_out: HeldOut
    labels: list[str | None]
    digest: str
    warnings: list[str]
    needs_int8: bool = True


def prepare(spec: Spec) -> Prepared:
    """Read, cut, select and check.

    Parameters
    ----------
    spec : Spec
        The job.

    Returns
    -------
    Prepared

    Raises
    ------
    DatasetError
        The rows cannot be trained on; the message names the row and the column.
    TrainingError
        The request does not fit the rows or the learn block; the message names the member.
    ExportError
        No C identifier can be made of the learn block's name, or another block has the same one.
    """
    try:
        request = convert(spec.request, StartTrainingRequestAnomaly)
        learn_block = convert(spec.learn_block, LearnBlock)
        impulse = convert(spec.impulse, Impulse)
        stored = convert(spec.settings, SetAnomalyParameterRequest)
        entry = TRAINERS[learn_block.type]
        dataset = load_dataset(spec.database, spec.project_id)
        outputs = learn_block_outputs(impulse, learn_block, dataset.columns)
        settings = anomaly_settings(entry, request, learn_block, stored, len(outputs))
    except InvalidMember as error:
        raise TrainingError(error.message) from error

    c_name = block_c_name(impulse, learn_block)
    axes = np.array(settings.axes, np.uint16)
    inputs = [outputs[axis] for axis in settings.axes]

    def features(category: str) -> tuple[Features, FloatRows]:
        made = extract_features(impulse, learn_block, dataset.columns, dataset.of(category))
        return made, np.ascontiguousarray(made.rows[:, axes])

    training, rows = features("training")
    warnings = check_rows(rows, inputs, training.place)
    count, told = settle_cluster_count(entry, settings.cluster_count, rows)
    warnings += told
    if strange := sum(label in ANOMALY_LABELS for label in training.labels):
        warnings.append(
            f"{strange} training rows are labelled as anomalies and train like the others: "
            "move them to the category anomaly"
        )
    testing, testing_rows = features("testing")
    check_finite(testing_rows, inputs, testing.place)
    recorded, recorded_rows = features("anomaly")
    check_finite(recorded_rows, inputs, recorded.place)
    labelled = np.array([label in ANOMALY_LABELS for label in testing.labels], bool)
    normal, anomalous = testing_rows[~labelled], np.concatenate([testing_rows[labelled], recorded_rows])
    return Prepared(
        entry=entry,
        learn_block=learn_block,
        c_name=c_name,
        settings=settings,
        task=AnomalyTask(axes, rows.astype(np.float64), count, settings.options, spec.seed),
        inputs=inputs,
        known=KnownRows(rows, normal, anomalous),
        held_out=hold_out(rows, normal),
        labels=training.labels,
        digest=dataset.digest,
        warnings=warnings,
    )


def block_c_name(impulse: Impulse, learn_block: LearnBlock) -> str:
    """The prefix of the C of a learn block, which may be linked with those of all others of its impulse.

    Raises
    ------
    ExportError
        As `choose_c_name`.
    """
    names = {
        block.id: block.name or f"{LEARNERS[block.type].name}_{block.id}" for block in impulse.learn_blocks
    }
    own = names.pop(learn_block.id)
    return choose_c_name(own, names.values())


def choose_c_name(name: str, others: Iterable[str]) -> str:
    """The prefix of a model's C; found before the training, so that a bad name costs no time.

    Parameters
    ----------
    name : str
        The model's name.
    others : iterable of str
        Names of the models that may be linked with it.

    Raises
    ------
    ExportError
        No C identifier can be made of the name, or another model has the same one.
    """
    taken = set()
    for other in others:
        # A name that gives no identifier is that model's trouble.
        with contextlib.suppress(NameRefused):
            taken.add(identifier(other))
    try:
        return identifier(name, taken)
    except NameRefused as error:
        raise ExportError(error.message) from error
