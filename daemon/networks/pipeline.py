"""The training of a network, from the stored rows to a complete version directory: the straight line.

dataset -> features -> examples -> network -> epochs -> float and int8 file -> figures -> C -> manifest.
Runs in the worker process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from daemon import pipeline
from daemon.models.manifest import complete_version
from daemon.networks.artefacts import Trained, describe, write_artefacts
from daemon.networks.evaluation import answer, figures, float_predict
from daemon.networks.preparation import Prepared, prepare
from daemon.networks.scores import Answers
from daemon.quantize import interpreter
from daemon.quantize.network import convert_float, convert_int8
from daemon.trainers.keras.data import balanced_weights
from daemon.trainers.keras.fit import Epoch, History, Plan, fit
from daemon.trainers.keras.network import build_model, build_optimizer
from daemon.wire.worker import Progress, Spec


class Emitter(pipeline.Emitter, Protocol):
    """Where a job says how far it is; for a canceled job `progress` and `tell` raise `JobCanceled`."""

    def tell(self, progress: Progress) -> None:
        """Say so with all that is known: epochs, and how long they will take."""


def run(spec: Spec, emit: Emitter) -> dict[str, Any]:
    """Train, quantize, judge and export one version.

    Parameters
    ----------
    spec : Spec
        The job; its ``staging_dir`` is empty, and complete and on disk afterwards.
    emit : Emitter
        Hears of stages, epochs and warnings.

    Returns
    -------
    dict
        The job's result: version, best epoch, figures of each variant, warnings, ignored members.

    Raises
    ------
    DatasetError, TrainingError
        Rows or settings are at fault, or the fit gives up.
    ExportError
        The network cannot be written as C.
    """
    emit.progress("prepare", 0.0)
    prepared = prepare(spec)
    rows = len(prepared.training) + len(prepared.validation)
    emit.progress("prepare", 1.0, {"rows": float(rows)})

    emit.progress("train", 0.0)
    model, history = train(spec, prepared, emit)

    emit.progress("quantize", 0.0)
    trained = Trained(model, history, convert_float(model), convert_int8(model, prepared.validation.rows))

    emit.progress("evaluate", 0.0)
    answers = ask(prepared, trained)
    metrics = judge(answers, classifies=prepared.entry.classifies)
    emit.progress("evaluate", 1.0, metrics["int8"])

    emit.progress("export", 0.0)
    result = {
        "version": spec.version,
        "classes": list(prepared.classes),
        "bestEpoch": history.best,
        "metrics": metrics,
        "warnings": prepared.warnings,
        "ignored": prepared.settings.ignored,
    }
    directory = Path(spec.staging_dir)
    costs = write_artefacts(directory, prepared, trained, answers)
    complete_version(directory, describe(spec, prepared, trained, costs, result))
    emit.progress("export", 1.0)
    return result


def train(spec: Spec, prepared: Prepared, emit: Emitter) -> tuple[Any, History]:
    """Fit the network, epoch by epoch; it has the weights of the best one."""
    settings, classifies = prepared.settings, prepared.entry.classifies
    model = build_model(
        settings.layers, prepared.input_shape, prepared.training.targets.shape[1], classifies=classifies
    )
    plan = Plan(
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=spec.seed,
        classifies=classifies,
        class_weights=balanced_weights(prepared.training.targets) if settings.class_weights else None,
    )

    def hear(epoch: Epoch) -> None:
        fraction = epoch.number / epoch.epochs
        emit.tell(Progress("train", fraction, epoch.metrics, epoch.number, epoch.epochs, epoch.eta_s))

    optimizer = build_optimizer(settings.learning_rate, learned=settings.learned_optimizer)
    history = fit(model, optimizer, prepared.training, prepared.validation, plan, hear)
    best = history.epochs[history.best - 1].metrics["val_loss"]
    emit.log("info", f"epoch {history.best} of {settings.epochs} is kept: its validation loss is {best:.4g}")
    return model, history


def ask(prepared: Prepared, trained: Trained) -> dict[str, dict[str, Answers]]:
    """What each variant says to the rows that validate and, where there are any, to those that test."""
    sides = {"validation": prepared.validation, "testing": prepared.testing}
    variants = {"float32": float_predict(trained.model), "int8": interpreter.load(trained.int8).run}
    return {
        variant: {side: answer(predict, examples) for side, examples in sides.items() if len(examples)}
        for variant, predict in variants.items()
    }


def judge(answers: dict[str, dict[str, Answers]], *, classifies: bool) -> dict[str, dict[str, float]]:
    """Figures of each variant on the rows of each side: ``validationAccuracy`` and so on."""
    return {
        variant: {
            f"{side}{name[0].upper()}{name[1:]}": figure
            for side, said in sides.items()
            for name, figure in figures(said, classifies=classifies).items()
        }
        for variant, sides in answers.items()
    }
