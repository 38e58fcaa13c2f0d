"""New classes for the model that learns on the chip: a version of the same files with what it knows then.

Without TensorFlow: the akida package teaches, on the chip where one is installed and in software elsewhere.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.data.dataset import load_dataset
from daemon.dsp.features import Features, extract_features
from daemon.dsp.outputs import learn_block_outputs
from daemon.errors import AkidaRefused, DatasetError
from daemon.models.manifest import complete_version, read_json
from daemon.models.registry import METADATA
from daemon.networks.progress import Emitter
from daemon.networks.reporting import REPORT, write_report
from daemon.networks.succession import begin_with_files_of
from daemon.quantize.akida.edge import teach
from daemon.quantize.akida.inputs import coding_from
from daemon.quantize.akida.metatf import load_akida
from daemon.quantize.akida.model import EDGE_MODEL, read, write
from daemon.trainers.checks import check_finite
from daemon.wire.akida import AkidaTask
from daemon.wire.edge_impulse import Impulse, LearnBlock
from daemon.wire.members import convert
from daemon.wire.worker import Spec

#: What is made anew.
_NOT_COPIED = (REPORT, "builds/")


def run(spec: Spec, emit: Emitter) -> dict[str, Any]:
    """Make a version of an earlier one's files, with classes that its model has learnt.

    Parameters
    ----------
    spec : Spec
        The job; ``weights`` is the directory of the earlier version, ``teaches`` what is to be learnt.
    emit : Emitter
        Hears of stages.

    Returns
    -------
    dict
        The result of the earlier version, with the number of this one, ``weightsOf``, and ``learnt``: rows
        by class.

    Raises
    ------
    AkidaRefused
        There is no model that could learn, or not so much.
    DatasetError
        There is nothing to learn a class from, or it does not fit what the model takes.
    TrainingError
        A file of the earlier version is damaged.
    """
    task = spec.teaches
    assert task is not None
    emit.progress("prepare", 0.0)
    akida = load_akida()
    directory = Path(spec.staging_dir)
    manifest = begin_with_files_of(spec, _NOT_COPIED)
    facts = manifest.get("akida", {})
    learning = facts.get("edgeLearning", {})
    if not learning.get("made"):
        raise AkidaRefused(
            f"version {manifest['result']['weightsOf']} has no model that learns", stage="prepare"
        )
    learnt = slots_with(learning["learnt"], task.classes, learning["classes"])
    coding = coding_from(facts["input"])
    known = _features(spec, task)
    if known.rows.shape[1] != math.prod(coding.shape):
        raise DatasetError(
            f"the rows have {known.rows.shape[1]} values by now, the model takes {math.prod(coding.shape)}: "
            "train it again"
        )
    wanted, rows = _chosen(known, task, learnt)

    emit.progress("train", 0.0)
    # Its digest has been checked when it was copied.
    model = read(akida, (directory / EDGE_MODEL).read_bytes())
    if devices := akida.devices():
        model.map(devices[0])
    teach(model, coding.encode(rows), wanted)
    model.map(None)
    (directory / EDGE_MODEL).write_bytes(write(model))

    emit.progress("export", 0.0)
    learning["learnt"] = learnt
    counted = {name: int((wanted == learnt.index(name)).sum()) for name in task.classes}
    manifest["result"]["learnt"] = counted
    emit.log("info", f"learnt from {', '.join(f'{count} rows of {name}' for name, count in counted.items())}")
    told = read_json(directory / METADATA)
    write_report(directory, manifest, told["keras"])
    complete_version(directory, manifest)
    emit.progress("export", 1.0)
    result: dict[str, Any] = manifest["result"]
    return result


def slots_with(learnt: list[str], classes: tuple[str, ...], most: int) -> list[str]:
    """The classes that a head knows with some more, in the order of its neurons.

    Raises
    ------
    AkidaRefused
        It has no room for them.
    """
    found = [*learnt, *(name for name in classes if name not in learnt)]
    if len(found) > most:
        raise AkidaRefused(
            f"the model can learn {most} classes and would know {len(found)}, {', '.join(found)}: train with "
            "more akidaEdgeLearningConfig.additionalClasses",
            stage="prepare",
        )
    return found


def _features(spec: Spec, task: AkidaTask) -> Features:
    """The rows of the category, as the learn block sees them."""
    learn_block, impulse = convert(spec.learn_block, LearnBlock), convert(spec.impulse, Impulse)
    dataset = load_dataset(spec.database, spec.project_id)
    inputs = learn_block_outputs(impulse, learn_block, dataset.columns)
    made = extract_features(impulse, learn_block, dataset.columns, dataset.of(task.category))
    check_finite(made.rows, inputs, made.place)
    return made


def _chosen(
    known: Features, task: AkidaTask, learnt: list[str]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The slot of each row to be learnt from, and the rows."""
    chosen = [row for row, label in enumerate(known.labels) if label in task.classes]
    present = {known.labels[row] for row in chosen}
    for name in task.classes:
        if name not in present:
            raise DatasetError(f"no row of the category {task.category} is labelled {name!r}: import some")
    wanted = np.array([learnt.index(str(known.labels[row])) for row in chosen], np.int32)
    return wanted, known.rows[chosen]
