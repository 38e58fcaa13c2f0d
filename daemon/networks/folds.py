"""Cross-validation: a network for each fold, and which of them, or of all rows, is kept."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from daemon.networks.evaluation import answer, float_predict
from daemon.networks.metadata import Variant, network_metadata
from daemon.networks.preparation import Prepared
from daemon.networks.progress import Emitter
from daemon.trainers.keras.data import check_training
from daemon.trainers.keras.fit import History
from daemon.wire.worker import Progress, Spec

#: Fits a network to the rows of a `Prepared`; the last is the name of its checkpoint.
Fit = Callable[[Spec, Prepared, Emitter, str], tuple[Any, History]]


@dataclass(frozen=True)
class Validated:
    """What cross-validation gave.

    Parameters
    ----------
    prepared : Prepared
        With the rows that the network that is kept was trained on and validated with.
    model : tf_keras.Model
        The network that is kept.
    history : History
        How it came to its weights.
    metadata : dict
        Edge Impulse's ``kFoldsMetadata``; its folds lack ``created``, as the whole does.
    """

    prepared: Prepared
    model: Any
    history: History
    metadata: dict[str, Any]


@dataclass(frozen=True)
class _Part:
    """An emitter that hears of one run among several."""

    emit: Emitter
    number: int
    runs: int

    def progress(self, stage: str, fraction: float, metrics: dict[str, float] | None = None) -> None:
        """Pass it on."""
        self.tell(Progress(stage, fraction, metrics=metrics))

    def tell(self, progress: Progress) -> None:
        """Pass it on, as a part of all runs."""
        left = self.runs - self.number - progress.fraction
        eta_s = progress.eta_s
        if eta_s is not None and progress.fraction < 1:
            eta_s *= left / (1 - progress.fraction)
        fraction = (self.number + progress.fraction) / self.runs
        self.emit.tell(msgspec.structs.replace(progress, fraction=fraction, eta_s=eta_s))

    def log(self, level: str, text: str) -> None:
        """Pass it on."""
        self.emit.log(level, text)

    def check(self) -> None:
        """Pass it on."""
        self.emit.check()

    def enter(self, stage: str) -> None:
        """Pass it on."""
        self.emit.enter(stage)


def cross_validate(spec: Spec, prepared: Prepared, emit: Emitter, fit: Fit) -> Validated:
    """Train on each fold, and choose what is kept.

    Parameters
    ----------
    spec : Spec
        The job.
    prepared : Prepared
        With its folds.
    emit : Emitter
        Hears of the epochs of all runs as of one.
    fit : callable
        Trains one network.

    Raises
    ------
    TrainingError
        A class has no row to train in a fold, or a fit gives up.
    """
    asked, divided = prepared.settings.folds, prepared.folds
    assert asked is not None
    assert divided is not None
    if prepared.entry.classifies:
        for number, (trains, _) in enumerate(divided.sides, 1):
            check_training(divided.examples.targets[trains], prepared.classes, number)
    runs = len(divided.sides) + asked.include_final_training_run
    kept: tuple[Prepared, Any, History] | None = None
    kept_loss, chosen, told, best_epochs = np.inf, 0, [], []
    for number, (trains, validates) in enumerate(divided.sides):
        part = prepared.on(trains, validates)
        emit.log("info", f"fold {number + 1} of {len(divided.sides)}")
        model, history = fit(spec, part, _Part(emit, number, runs), f"checkpoint-fold-{number + 1}.npz")
        loss = history.epochs[history.best - 1]["val_loss"]
        if loss < kept_loss:
            kept, kept_loss, chosen = (part, model, history), loss, number
        best_epochs.append(history.best)
        told.append(_fold(number, part, model, history))
    if asked.include_final_training_run:
        everything = np.arange(len(divided.examples))
        epochs = round(statistics.median(best_epochs)) + asked.extra_epochs
        part = prepared.on(everything, everything)
        part = replace(part, settings=replace(part.settings, epochs=epochs))
        emit.log("info", f"the final run trains on all rows, for {epochs} epochs")
        kept = part, *fit(spec, part, _Part(emit, runs - 1, runs), "checkpoint-final.npz")
        chosen = -1
        prepared.warnings.append(
            "the network was trained on all rows: its figures are of rows that it has seen, those of "
            "kFoldsMetadata are of rows that it has not"
        )
    assert kept is not None
    metadata = {
        "folds": told,
        "hasFinalRun": asked.include_final_training_run,
        "persistedFoldId": chosen,
        "persistedFoldName": "Final run" if chosen < 0 else f"Fold {chosen + 1}",
        "persistedFoldMetricType": "float32",
    }
    return Validated(*kept, metadata)


def _fold(number: int, part: Prepared, model: Any, history: History) -> dict[str, Any]:
    """``FoldModelMetadata`` but ``created``: what the network of a fold is worth, as float32."""
    said = answer(float_predict(model), part.validation)
    settings = replace(part.settings, variant="float32")
    told = network_metadata(
        settings, part.classes, part.input_shape, {"float32": Variant(said, 0)}, history.epochs
    )
    return {**told, "foldId": number, "foldName": f"Fold {number + 1}"}
