"""Fits a network epoch by epoch, keeps its best weights, and goes on where it was interrupted.

Whatever is random in an epoch follows from the seed and the number of the epoch alone: the order of the rows,
dropout, augmentation. So nothing but the variables is needed to go on after an interruption, and what comes
of it is what would have come of it undisturbed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import Any

import numpy as np

from daemon.errors import TrainingError
from daemon.trainers.keras.checkpoint import Arrays, Checkpoints, State
from daemon.trainers.keras.data import Examples
from daemon.trainers.keras.epoch import Objective, RunEpoch, compile_epoch

_METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class Phase:
    """Epochs that go by the same rules.

    Parameters
    ----------
    epochs : int
        How many.
    make_optimizer : callable
        Makes a new optimizer.
    begin : callable, optional
        Told the model before the phase: freezes layers, or sets them free.
    patience : int, optional
        Epochs that it goes on for after the best one so far; all of them where left out.
    """

    epochs: int
    make_optimizer: Callable[[], Any]
    begin: Callable[[Any], None] | None = None
    patience: int | None = None


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch.

    Parameters
    ----------
    number, epochs : int
        Which one, from 1, and how many there will be.
    metrics : dict of str to float
        ``loss``, ``val_loss``, and for classifiers ``accuracy``, ``val_accuracy``: Keras' names.
    best : int
        The epoch with the smallest validation loss so far.
    eta_s : float
        Seconds that the epochs to come will take, if they take as long as those that this process ran.
    """

    number: int
    epochs: int
    metrics: dict[str, float]
    best: int
    eta_s: float


@dataclass(frozen=True)
class History:
    """What came of a fit.

    Parameters
    ----------
    epochs : list of dict
        Keras' figures of each epoch.
    best : int
        The epoch whose weights the model has, from 1: the one with the smallest validation loss.
    warnings : list of str
        What a person should know.
    """

    epochs: list[dict[str, float]]
    best: int
    warnings: list[str]


def fit(
    model: Any,
    phases: Sequence[Phase],
    training: Examples,
    validation: Examples,
    objective: Objective,
    *,
    seed: int,
    xla: bool = False,
    hear: Callable[[Epoch], None] = lambda _: None,
    checkpoints: Checkpoints | None = None,
) -> History:
    """Fit a model; it has the weights of its best epoch afterwards.

    Parameters
    ----------
    model : tf_keras.Model
        Built; one input, one output.
    phases : sequence of Phase
        One after the other, each from the best weights so far.
    training, validation : Examples
        Rows to learn from, and rows to choose the best epoch by.
    objective : Objective
        What an epoch is to do.
    seed : int
        Of the order of the rows, dropout and augmentation.
    xla : bool
        Whether to have XLA compile the epochs; where it refuses, they run without.
    hear : callable
        Told of each epoch; what it raises ends the fit.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to leave what can be gone on from.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        The loss is no longer finite.
    """
    run = _Run(model, training, validation, objective, seed, sum(phase.epochs for phase in phases), hear)
    state = checkpoints.load() if checkpoints is not None else None
    if state is not None:
        run.epochs, run.best, run.best_weights = list(state.epochs), state.best, state.best_weights
        run.resumed_at = len(run.epochs)
    last = 0
    for phase in phases:
        first, last = last + 1, last + phase.epochs
        if run.resumed_at >= last:
            continue
        if phase.begin is not None:
            phase.begin(model)
        optimizer = _ready(phase.make_optimizer(), model)
        model.set_weights(run.best_weights)
        if state is not None and run.resumed_at >= first:
            model.set_weights(state.weights)
            _assign(_variables(optimizer), state.optimizer)
        run.phase(optimizer, last, phase.patience or last, xla=xla, checkpoints=checkpoints)
    model.set_weights(run.best_weights)
    return History(run.epochs, run.best, run.warnings)


class _Run:
    """A fit under way."""

    def __init__(
        self,
        model: Any,
        training: Examples,
        validation: Examples,
        objective: Objective,
        seed: int,
        total: int,
        hear: Callable[[Epoch], None],
    ) -> None:
        self._model, self._training, self._validation = model, training, validation
        self._objective, self._seed, self._total, self._hear = objective, seed, total, hear
        self._generators = _generators(model)
        self._seconds: list[float] = []
        self.epochs: list[dict[str, float]] = []
        self.best = 0
        self.best_weights: Arrays = model.get_weights()
        self.resumed_at = 0
        self.warnings: list[str] = []

    def phase(
        self, optimizer: Any, last: int, patience: int, *, xla: bool, checkpoints: Checkpoints | None
    ) -> None:
        """All epochs from the next one to the last one of a phase, as long as one is better in time."""
        run_epoch = self._compile(optimizer, xla=xla)
        for number in range(len(self.epochs) + 1, last + 1):
            began = time.perf_counter()
            metrics = self._epoch(run_epoch, number)
            self._seconds.append(time.perf_counter() - began)
            if checkpoints is not None and checkpoints.is_due():
                optimized = [variable.numpy() for variable in _variables(optimizer)]
                weights = self._model.get_weights()
                checkpoints.save(State(self.epochs, self.best, weights, optimized, self.best_weights))
            # The first one also gets ready what the others find ready.
            each = mean(self._seconds[1:] or self._seconds)
            self._hear(Epoch(number, self._total, metrics, self.best, (self._total - number) * each))
            if number - self.best >= patience:
                break

    def _epoch(self, run_epoch: RunEpoch, number: int) -> dict[str, float]:
        random = np.random.default_rng([self._seed, number])
        for generator in self._generators:
            generator.reset_from_seed(int(random.integers(2**31)))
        order = random.permutation(len(self._training)).astype(np.int32)
        metrics = _named(run_epoch(order, random.integers(2**30, size=2, dtype=np.int32)), self._objective)
        _check_finite(metrics, number)
        self.epochs.append(metrics)
        if self.best == 0 or metrics["val_loss"] < self.epochs[self.best - 1]["val_loss"]:
            self.best, self.best_weights = number, self._model.get_weights()
        return metrics

    def _compile(self, optimizer: Any, *, xla: bool) -> RunEpoch:
        """An epoch that runs: by XLA where that is wanted and it can."""
        import tensorflow as tf

        make = partial(
            compile_epoch, self._model, optimizer, self._training, self._validation, self._objective
        )
        if not xla:
            return make(xla=False)
        weights, optimized = self._model.get_weights(), [one.numpy() for one in _variables(optimizer)]
        try:
            run_epoch = make(xla=True)
            run_epoch(np.arange(len(self._training), dtype=np.int32), np.zeros(2, np.int32))
        except (tf.errors.OpError, ValueError) as error:
            told = str(error).splitlines()[0]
            self.warnings.append(f"XLA does not compile this network here, so training takes longer: {told}")
            run_epoch = make(xla=False)
        # That was a trial: nothing of it counts.
        self._model.set_weights(weights)
        _assign(_variables(optimizer), optimized)
        return run_epoch


def _ready(optimizer: Any, model: Any) -> Any:
    """Make the optimizer's variables: inside the compiled epoch it would be too late."""
    import tf_keras

    if isinstance(optimizer, tf_keras.optimizers.legacy.Optimizer):
        optimizer._create_all_weights(model.trainable_variables)  # noqa: SLF001 - no public name
    else:
        optimizer.build(model.trainable_variables)
    return optimizer


def _variables(optimizer: Any) -> Sequence[Any]:
    found = optimizer.variables
    variables: Sequence[Any] = found() if callable(found) else found
    return variables


def _assign(variables: Sequence[Any], values: Arrays) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _generators(model: Any) -> list[Any]:
    """The random generators of a model's layers, in the order of the layers."""
    # Keras keeps them out of everything public, so that they do not end up in files of weights.
    keepers = [getattr(layer, "_random_generator", None) for layer in model.submodules]
    found = [getattr(keeper, "_generator", None) for keeper in keepers]
    return [generator for generator in found if generator is not None]


def _named(figures: Any, objective: Objective) -> dict[str, float]:
    return {
        name: float(figure)
        for name, figure in zip(_METRICS, figures.numpy(), strict=True)
        if objective.classifies or "accuracy" not in name
    }


def _check_finite(metrics: dict[str, float], number: int) -> None:
    for name, figure in metrics.items():
        if not math.isfinite(figure):
            raise TrainingError(
                f"learningRate: {name} became {figure} in epoch {number}: use a smaller one, or scale the "
                "columns"
            )
