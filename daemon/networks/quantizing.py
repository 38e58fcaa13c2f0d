"""The stage ``quantize`` of a network: its int8 form, trained for it where that is wanted or needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from daemon.errors import GateFailed
from daemon.networks.choice import Attempt, Choice, choose_int8
from daemon.networks.evaluation import answer
from daemon.networks.gate import Bounds, compare
from daemon.networks.preparation import Prepared
from daemon.networks.progress import Emitter
from daemon.networks.scores import Answers
from daemon.quantize.network import FloatRows
from daemon.trainers.keras.augmentation import augmentation
from daemon.trainers.keras.data import balanced_weights
from daemon.trainers.keras.epoch import Objective
from daemon.trainers.keras.fit import Epoch, Phase, fit
from daemon.trainers.keras.network import build_optimizer
from daemon.wire.worker import Progress, Spec

#: Epochs that a trained network needs to get used to integers, zeros, or few different weights.
_EPOCHS = 10


def ask(prepared: Prepared, predict: Callable[[FloatRows], FloatRows]) -> dict[str, Answers]:
    """What a network says to the rows that validate and, where there are any, to those that test."""
    sides = {"validation": prepared.validation, "testing": prepared.testing}
    return {side: answer(predict, examples) for side, examples in sides.items() if len(examples)}


def quantize(spec: Spec, prepared: Prepared, model: Any, floats: dict[str, Answers], emit: Emitter) -> Choice:
    """Choose the int8 network that the gate accepts.

    Parameters
    ----------
    spec : Spec
        The job.
    prepared : Prepared
        Its rows and settings.
    model : tf_keras.Model
        Trained.
    floats : dict of str to Answers
        What it says, from `ask`.
    emit : Emitter
        Hears of further epochs, and of what the gate saw.

    Returns
    -------
    Choice
        For `accept` to judge.

    Raises
    ------
    TrainingError
        What was asked for cannot be done with this network, or it has no int8 form.
    """
    trained = 0

    def hear(epoch: Epoch) -> None:
        # How often it will be trained on is not known before: each time goes half of the way that is left.
        fraction = 1 - 0.5 ** (trained + epoch.number / epoch.epochs)
        emit.tell(Progress("quantize", fraction, epoch.metrics, epoch.number, epoch.epochs, epoch.eta_s))

    def retrain(network: Any, purpose: str) -> None:
        nonlocal trained
        emit.log("info", f"{_EPOCHS} further epochs of training, for {purpose}")
        _retrain(spec, prepared, network, hear)
        trained += 1

    return choose_int8(
        model,
        floats,
        partial(ask, prepared),
        prepared.classes,
        prepared.validation.rows,
        compression=prepared.settings.compression,
        bounds=_bounds(spec),
        retrain=retrain,
    )


def given(spec: Spec, prepared: Prepared, data: bytes, answers: Mapping[str, dict[str, Answers]]) -> Choice:
    """An int8 network that others made: there is nothing to choose, but it is judged alike."""
    report = compare(answers["float32"], answers["int8"], prepared.classes, _bounds(spec))
    return Choice(data, answers["int8"], (Attempt("post-training", report),), ())


def accept(choice: Choice, emit: Emitter) -> None:
    """Tell what the gate saw, and let pass what passed.

    Raises
    ------
    GateFailed
        int8 loses too much; the figures are in its details.
    """
    for attempt in choice.attempts:
        verdict = "passes" if attempt.report.passed else "loses too much"
        for line in (f"int8, {attempt.method}: {verdict}", *attempt.report.table()):
            emit.log("info" if attempt.report.passed else "warn", line)
    for gain in choice.gains:
        emit.log("info", str(gain))
    if not choice.passed:
        raise GateFailed(choice.failure(), details={"gate": choice.as_dict()})


def _bounds(spec: Spec) -> Bounds:
    return Bounds(accuracy=spec.gate.max_accuracy_loss, r2=spec.gate.max_r2_loss)


def _retrain(spec: Spec, prepared: Prepared, network: Any, hear: Callable[[Epoch], None]) -> None:
    """Train a network on by the rules of its training; it has the weights of the best epoch."""
    settings = prepared.settings
    fit(
        network,
        [
            Phase(
                _EPOCHS, partial(build_optimizer, settings.learning_rate, learned=settings.learned_optimizer)
            )
        ],
        prepared.training,
        prepared.validation,
        objective_of(prepared),
        seed=spec.seed,
        hear=hear,
    )


def objective_of(prepared: Prepared) -> Objective:
    """What every fit of a job makes smaller, and how it makes the rows of a step."""
    settings = prepared.settings
    return Objective(
        classifies=prepared.entry.classifies,
        batch_size=settings.batch_size,
        class_weights=balanced_weights(prepared.training.targets) if settings.class_weights else None,
        augment=augmentation(settings, prepared.input_shape),
    )
