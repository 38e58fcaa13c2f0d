"""Fits a network: a whole epoch is one compiled function, and Keras' own meaning of everything is kept.

`tf_keras.Model.fit` comes back to Python for every batch. Here the rows lie on the device, the loop over the
batches is compiled together with validation, and Python is asked once an epoch. Losses, regularizers,
constraints, metrics and updates of layers are those that ``fit`` computes.

Whatever is random in an epoch follows from the seed and the number of the epoch alone: the order of the rows,
dropout, augmentation. So nothing but the variables is needed to go on after an interruption.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.errors import TrainingError
from daemon.trainers.keras.data import Examples, Floats

#: ``(rows, seed) -> rows``, traced into the compiled epoch: float32 tensors (b, *input) and int32 (2,).
Augment = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Plan:
    """How a network is fitted.

    Parameters
    ----------
    epochs : int
        How often all rows are seen.
    batch_size : int
        Rows of a step; the last step of an epoch takes what is left.
    seed : int
        Of the order of the rows, dropout and augmentation.
    classifies : bool
        Categorical cross-entropy and accuracy; else the mean squared error.
    class_weights : ndarray, shape (classes,), float32, optional
        Factor of each class's loss.
    augment : callable, optional
        Varies the rows of each step.
    """

    epochs: int
    batch_size: int
    seed: int
    classifies: bool = True
    class_weights: Floats | None = None
    augment: Augment | None = None


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
    seconds : float
        How long it took.
    """

    number: int
    epochs: int
    metrics: dict[str, float]
    best: int
    seconds: float

    @property
    def eta_s(self) -> float:
        """Seconds that the epochs to come will take, if they take as long as this one."""
        return (self.epochs - self.number) * self.seconds


@dataclass(frozen=True)
class History:
    """What came of a fit.

    Parameters
    ----------
    epochs : list of Epoch
        All of them.
    best : int
        The epoch whose weights the model has: the one with the smallest validation loss.
    """

    epochs: list[Epoch]
    best: int


def fit(
    model: Any,
    optimizer: Any,
    training: Examples,
    validation: Examples,
    plan: Plan,
    hear: Callable[[Epoch], None],
) -> History:
    """Fit a model; it has the weights of its best epoch afterwards.

    Parameters
    ----------
    model : tf_keras.Model
        Built; one input, one output.
    optimizer : tf_keras.optimizers.Optimizer
        New.
    training, validation : Examples
        Rows to learn from, and rows to choose the best epoch by.
    plan : Plan
        How.
    hear : callable
        Told of each epoch; what it raises ends the fit.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        The loss is no longer finite.
    """
    _build(optimizer, model)
    run_epoch = compile_epoch(model, optimizer, training, validation, plan)
    generators = _generators(model)
    epochs: list[Epoch] = []
    best, best_loss, best_weights = 0, math.inf, model.get_weights()
    for number in range(1, plan.epochs + 1):
        began = time.perf_counter()
        random = np.random.default_rng([plan.seed, number])
        for generator in generators:
            generator.reset_from_seed(int(random.integers(2**31)))
        order = random.permutation(len(training)).astype(np.int32)
        metrics = _named(run_epoch(order, random.integers(2**31, size=2, dtype=np.int32)).numpy(), plan)
        _check_finite(metrics, number)
        if metrics["val_loss"] < best_loss:
            best, best_loss, best_weights = number, metrics["val_loss"], model.get_weights()
        epochs.append(Epoch(number, plan.epochs, metrics, best, time.perf_counter() - began))
        hear(epochs[-1])
    model.set_weights(best_weights)
    return History(epochs, best)


def compile_epoch(
    model: Any, optimizer: Any, training: Examples, validation: Examples, plan: Plan
) -> Callable[[npt.NDArray[np.int32], npt.NDArray[np.int32]], Any]:
    """One epoch as one function.

    Returns
    -------
    callable
        Takes the order of the training rows, (n,) int32, and a seed, (2,) int32; gives a float32 tensor of
        loss, accuracy, validation loss and validation accuracy; accuracies are 0 for a regression.
    """
    import tensorflow as tf

    rows, targets = tf.constant(training.rows), tf.constant(training.targets)
    steps = math.ceil(len(training) / plan.batch_size)

    def step(indexes: Any, seed: Any) -> tuple[Any, Any]:
        batch, wanted = tf.gather(rows, indexes), tf.gather(targets, indexes)
        if plan.augment is not None:
            batch = plan.augment(batch, seed)
        with tf.GradientTape() as tape:
            given = model(batch, training=True)
            loss = _loss(model, wanted, given, plan)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        count = tf.cast(tf.shape(indexes)[0], tf.float32)
        return loss * count, _right(wanted, given, plan)

    def body(number: Any, order: Any, seed: Any, loss: Any, right: Any) -> tuple[Any, ...]:
        start = number * plan.batch_size
        more_loss, more_right = step(
            order[start : start + plan.batch_size], tf.stack([seed[0], seed[1] + number])
        )
        return number + 1, order, seed, loss + more_loss, right + more_right

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def epoch(order: Any, seed: Any) -> Any:
        _, _, _, loss, right = tf.while_loop(
            lambda number, *_: number < steps, body, (0, order, seed, 0.0, 0.0), parallel_iterations=1
        )
        learnt = tf.stack([loss, right]) / len(training)
        return tf.concat([learnt, _validate(model, validation, plan)], 0)

    return epoch  # type: ignore[no-any-return]


def _validate(model: Any, validation: Examples, plan: Plan) -> Any:
    """Loss and accuracy of the validation rows, (2,) float32."""
    import tensorflow as tf

    wanted = tf.constant(validation.targets)
    given = model(tf.constant(validation.rows), training=False)
    loss = _loss(model, wanted, given, Plan(plan.epochs, plan.batch_size, plan.seed, plan.classifies))
    return tf.stack([loss, _right(wanted, given, plan) / len(validation)])


def _loss(model: Any, wanted: Any, given: Any, plan: Plan) -> Any:
    """Mean loss of a batch and what regularizers add to it."""
    import tensorflow as tf
    import tf_keras

    losses = tf_keras.losses
    kind = losses.categorical_crossentropy if plan.classifies else losses.mean_squared_error
    each = kind(wanted, given)
    if plan.class_weights is not None:
        each *= tf.linalg.matvec(wanted, tf.constant(plan.class_weights))
    return tf.add_n([tf.reduce_mean(each), *model.losses])


def _right(wanted: Any, given: Any, plan: Plan) -> Any:
    """How many rows of a batch are classified rightly."""
    import tensorflow as tf

    if not plan.classifies:
        return tf.constant(0.0)
    return tf.reduce_sum(tf.cast(tf.equal(tf.argmax(wanted, 1), tf.argmax(given, 1)), tf.float32))


def _build(optimizer: Any, model: Any) -> None:
    """Make the optimizer's variables: inside the compiled epoch it would be too late."""
    import tf_keras

    if isinstance(optimizer, tf_keras.optimizers.legacy.Optimizer):
        optimizer._create_all_weights(model.trainable_variables)  # noqa: SLF001 - no public name
    else:
        optimizer.build(model.trainable_variables)


def _generators(model: Any) -> list[Any]:
    """The random generators of a model's layers, in the order of the layers."""
    import tensorflow as tf

    found = tf.train.TrackableView(model).descendants()
    return [one for one in found if isinstance(one, tf.random.Generator)]


def _named(figures: Floats, plan: Plan) -> dict[str, float]:
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    return {
        name: float(figure)
        for name, figure in zip(names, figures, strict=True)
        if plan.classifies or "accuracy" not in name
    }


def _check_finite(metrics: dict[str, float], number: int) -> None:
    for name, figure in metrics.items():
        if not math.isfinite(figure):
            raise TrainingError(
                f"learningRate: {name} became {figure} in epoch {number}: use a smaller one, or "
                "scale the columns"
            )
