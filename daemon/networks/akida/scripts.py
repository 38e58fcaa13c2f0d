"""Akida models that a script leaves: converted behind the walls, and taken back from there.

Outside they are bytes. What is said of them was said by code that shared a process with the script, so only
what can be checked goes on.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
import numpy as np

from daemon.errors import AkidaArchitecture, AkidaRefused
from daemon.networks.akida.variant import (
    AkidaVariant,
    agreement_of,
    ask,
    check_agreement,
    is_asked_for,
    refused,
)
from daemon.networks.evaluation import answer, float_predict
from daemon.networks.preparation import Prepared
from daemon.networks.scores import Answers
from daemon.quantize.akida import convert, edge
from daemon.quantize.akida.inputs import LEVELS, InputCoding
from daemon.quantize.akida.metatf import load_akida, versions
from daemon.quantize.akida.model import EDGE_MODEL, MODEL, write
from daemon.quantize.akida.targets import TARGETS, check_fits, resolve
from daemon.trainers.keras.data import Examples, Floats
from daemon.wire.worker import Spec

#: What a script may call them.
NAMES = ("akida_model", "akida_edge_model")

#: What the converted model answers to the rows that validate, among the files that come back.
ANSWERS = "akida_answers"


class ScriptTask(msgspec.Struct, frozen=True):
    """What the code behind the walls is told."""

    target: str
    min_agreement: float
    classes: int
    neurons: int


class Told(msgspec.Struct, frozen=True):
    """What comes back beside files."""

    shape: list[int]
    rows: int
    same: int
    nps: int
    program_bytes: int
    edge_refused: str | None = None


def task_of(spec: Spec, prepared: Prepared) -> ScriptTask | AkidaRefused:
    """What to tell the code behind the walls, where no chip can be seen; or why there can be no variant."""
    if not prepared.entry.classifies:
        return AkidaArchitecture("a regression has no Akida variant: only classifiers have one")
    try:
        target = resolve(load_akida(), spec.akida.target)
    except AkidaRefused as error:
        return error
    learning = prepared.settings.edge_learning
    classes, neurons = (learning.classes, learning.neurons) if learning else (0, 0)
    return ScriptTask(target.name, spec.akida.min_agreement, classes, neurons)


def convert_left(
    left: Mapping[str, Any], training: Examples, validation: Examples, task: ScriptTask
) -> tuple[Told, dict[str, bytes], Floats]:
    """Convert what a script left, behind the walls.

    Parameters
    ----------
    left : mapping of str to object
        By the names of `NAMES`.
    training, validation : Examples
        Rows of features.
    task : ScriptTask
        For which chip, and how.

    Returns
    -------
    Told, dict of str to bytes, ndarray
        What is to be said, the files, and the probabilities of the rows that validate.

    Raises
    ------
    AkidaRefused
        There can be no variant.
    """
    akida, target = load_akida(), TARGETS[task.target]
    network, coding, scaling = _taken(left.get(NAMES[0]), NAMES[0], training, target.generation)
    content = write(convert.convert(network, target.generation, scaling))
    program = check_fits(akida, content, target)
    answers = answer(partial(ask, akida, content, coding), validation)
    exact = Examples(_seen(coding, validation.rows, scaling), validation.targets)
    agreement = agreement_of(answers, answer(float_predict(network), exact))
    check_agreement(agreement, task.min_agreement)
    files, refusal = {MODEL: content}, None
    if left.get(NAMES[1]) is not None:
        try:
            files[EDGE_MODEL] = _edge_model(akida, left[NAMES[1]], training, task)
        except AkidaRefused as error:
            refusal = error.message
    told = Told(
        list(coding.shape),
        agreement["rows"],
        agreement["same"],
        program["nps"],
        program["programBytes"],
        refusal,
    )
    return told, files, answers.given


def _edge_model(akida: Any, left: Any, training: Examples, task: ScriptTask) -> bytes:
    target = TARGETS[task.target]
    if not task.classes or target.generation != "v1":
        raise AkidaRefused(
            "akida_edge_model needs akidaEdgeLearningConfig with additionalClasses, and an Akida v1",
            stage="quantize",
        )
    network, coding, scaling = _taken(left, NAMES[1], training, target.generation)
    model = convert.convert(network, target.generation, scaling)
    edge.put_head(akida, model, coding.encode(training.rows), task.classes, task.neurons)
    content = write(model)
    check_fits(akida, content, target)
    return content


def _taken(
    network: Any, name: str, training: Examples, generation: str
) -> tuple[Any, InputCoding, tuple[int, int] | None]:
    """A network that can be converted, what it takes, and the scale of its inputs where no layer has it."""
    convert.check_quantized(name, network)
    shape = tuple(network.inputs[0].shape[1:])
    if math.prod(shape) != math.prod(training.rows.shape[1:]):
        raise AkidaArchitecture(
            f"{name} takes rows of shape {shape}, these are {training.rows.shape[1:]}", stage="quantize"
        )
    coding = unit_coding(shape, generation)
    kinds = [type(layer).__name__ for layer in network.layers[:2]]
    whole = "Rescaling" in kinds or network.inputs[0].dtype.is_integer
    if not whole and generation != "v1":
        raise AkidaArchitecture(
            f"{name} takes floats: begin with an input of type uint8 or int8", stage="quantize"
        )
    return network, coding, None if whole else (coding.levels.most, 0)


def unit_coding(shape: tuple[int, ...], generation: str) -> InputCoding:
    """How rows of features of 0 to 1, which scripts are given of images, become integers."""
    return InputCoding(
        LEVELS[generation, len(shape) == 3], shape, np.zeros(1, np.float32), np.ones(1, np.float32)
    )


def _seen(coding: InputCoding, rows: Floats, scaling: tuple[int, int] | None) -> Floats:
    """What the network sees of rows that become integers first."""
    return coding.encode(rows).astype(np.float32) / np.float32(scaling[0] if scaling else 1)


def take_back(
    spec: Spec,
    prepared: Prepared,
    task: ScriptTask | AkidaRefused,
    left: list[str],
    said: Any,
    files: Mapping[str, bytes],
) -> AkidaVariant | None:
    """What came out of the walls, as a variant.

    Parameters
    ----------
    spec : Spec
        The job.
    prepared : Prepared
        Its rows and settings.
    task : ScriptTask or AkidaRefused
        What `task_of` gave.
    left : list of str
        Which of `NAMES` the script left.
    said : object
        What it told of them: the members of `Told`, or ``code`` and ``message`` of a refusal.
    files : mapping of str to bytes
        All that came back.

    Returns
    -------
    AkidaVariant or None
        None where there is nothing, and nobody asked for it.

    Raises
    ------
    ValueError, KeyError, msgspec.ValidationError
        It is not what `convert_left` gives.
    """
    if NAMES[0] not in left:
        asked = is_asked_for(spec, prepared)
        return refused(AkidaRefused.code, f"the script leaves no {NAMES[0]}") if asked else None
    if isinstance(task, AkidaRefused):
        return refused(task.code, task.message)
    if isinstance(said, dict) and "code" in said:
        return refused(str(said["code"])[:64], str(said["message"])[:600])
    told = msgspec.convert(said, Told)
    given = np.load(io.BytesIO(files[ANSWERS]), allow_pickle=False)
    wanted = prepared.validation.targets
    if given.dtype != np.float32 or given.shape != wanted.shape or not np.isfinite(given).all():
        raise ValueError("the Akida model does not answer with numbers")
    if math.prod(told.shape) != math.prod(prepared.input_shape):
        raise ValueError("the Akida model takes other rows")
    generation = TARGETS[task.target].generation
    facts: dict[str, Any] = {
        "made": True,
        "target": task.target,
        "generation": generation,
        "packages": versions(),
        "input": unit_coding(tuple(told.shape), generation).as_dict(),
        "agreement": {"rows": told.rows, "same": told.same},
        "program": {"nps": told.nps, "programBytes": told.program_bytes},
    }
    made = {name: files[name] for name in (MODEL, EDGE_MODEL) if name in files}
    if EDGE_MODEL in made:
        facts["edgeLearning"] = {"made": True, "classes": task.classes, "neurons": task.neurons, "learnt": []}
    elif told.edge_refused is not None:
        facts["edgeLearning"] = {"made": False, "code": AkidaRefused.code, "message": told.edge_refused[:600]}
    return AkidaVariant(made, Answers(given, wanted), facts)
