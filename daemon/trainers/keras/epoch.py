"""A whole epoch as one compiled function: every batch, then validation, without coming back to Python.

Losses, regularizers, constraints, metrics and updates of layers are those that `tf_keras.Model.fit` computes,
in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.trainers.keras.data import Examples, Floats
from daemon.trainers.keras.shapes import Placed

#: ``(rows, seed) -> rows``, traced into the compiled epoch: float32 tensors (b, *input) and int32 (2,).
Augment = Callable[[Any, Any], Any]

#: Takes the order of the training rows, (n,) int32, and a seed, (2,) int32; gives a float32 tensor of loss,
#: accuracy, validation loss and validation accuracy. Accuracies are 0 for a regression.
RunEpoch = Callable[[npt.NDArray[np.int32], npt.NDArray[np.int32]], Any]

#: Values of the widest layer that validation holds at once: 4 MiB of float32.
_VALIDATION_VALUES = 1024 * 1024


@dataclass(frozen=True)
class Objective:
    """What is made smaller, and how the rows of a step are made.

    Parameters
    ----------
    classifies : bool
        Categorical cross-entropy and accuracy; else the mean squared error.
    batch_size : int
        Rows of a step; the last step of an epoch takes what is left.
    class_weights : ndarray, shape (classes,), float32, optional
        Factor of each class's loss.
    augment : callable, optional
        Varies the rows of each step.
    autograph : bool
        Whether the Python of layers is turned into operations first, as some need it that others wrote.
    """

    classifies: bool
    batch_size: int
    class_weights: Floats | None = None
    augment: Augment | None = None
    autograph: bool = False


#: Steps that take longer than XLA takes to compile them, about a second.
_XLA_STEPS = 10_000


def gains_by_xla(layers: Sequence[Placed], steps: float) -> bool:
    """Whether a fit of so many steps is done earlier if XLA compiles it.

    A step of dense layers takes a fifth of its time then; convolutions run several times slower than without.
    It depends on nothing that could be otherwise after an interruption.
    """
    convolves = any(placed.layer.transfer or placed.layer.type in ("conv1d", "conv2d") for placed in layers)
    return steps >= _XLA_STEPS and not convolves


def compile_epoch(
    model: Any, optimizer: Any, training: Examples, validation: Examples, objective: Objective, *, xla: bool
) -> RunEpoch:
    """Trace an epoch; the rows stay on the device.

    Parameters
    ----------
    model : tf_keras.Model
        Built; one input, one output.
    optimizer : tf_keras.optimizers.Optimizer
        Its variables made.
    training, validation : Examples
        Rows to learn from, and rows to judge by.
    objective : Objective
        What an epoch is to do.
    xla : bool
        Whether XLA compiles it: slow to compile, fast to run where layers are dense.
    """
    import tensorflow as tf

    rows, targets = tf.constant(training.rows), tf.constant(training.targets)
    unseen, unseen_targets = tf.constant(validation.rows), tf.constant(validation.targets)
    over_batches = _over_equal_batches if xla else _over_batches

    def learn(indexes: Any, seed: Any) -> Any:
        batch, wanted = tf.gather(rows, indexes), tf.gather(targets, indexes)
        if objective.augment is not None:
            batch = objective.augment(batch, seed)
        with tf.GradientTape() as tape:
            given = model(batch, training=True)
            loss = _loss(model, wanted, given, objective.classifies, objective.class_weights)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return _sums(loss, wanted, given, objective.classifies)

    def judge(indexes: Any, _: Any) -> Any:
        wanted = tf.gather(unseen_targets, indexes)
        given = model(tf.gather(unseen, indexes), training=False)
        return _sums(_loss(model, wanted, given, objective.classifies), wanted, given, objective.classifies)

    @tf.function(autograph=objective.autograph, jit_compile=xla)  # type: ignore[untyped-decorator]
    def epoch(order: Any, seed: Any) -> Any:
        learnt = over_batches(learn, order, len(training), objective.batch_size, seed)
        judged = over_batches(judge, tf.range(len(validation)), len(validation), _at_once(model), seed)
        return tf.concat([learnt / len(training), judged / len(validation)], 0)

    # Traced here and not in the first epoch, which then takes as long as the others.
    traced: RunEpoch = epoch.get_concrete_function(
        tf.TensorSpec([len(training)], tf.int32), tf.TensorSpec([2], tf.int32)
    )
    return lambda order, seed: traced(tf.constant(order), tf.constant(seed))


def _over_batches(step: Any, order: Any, count: int, size: int, seed: Any) -> Any:
    """Sum of a step over batches; the last one is as long as what is left."""
    import tensorflow as tf

    def body(start: Any, total: Any) -> tuple[Any, Any]:
        return start + size, total + step(order[start : start + size], _seed_of(seed, start))

    _, total = tf.while_loop(lambda start, _: start < count, body, (0, tf.zeros(2)), parallel_iterations=1)
    return total


def _over_equal_batches(step: Any, order: Any, count: int, size: int, seed: Any) -> Any:
    """The same where every batch must have a length known beforehand: what is left is a step of its own."""
    import tensorflow as tf

    whole = count - count % size

    def body(start: Any, total: Any) -> tuple[Any, Any]:
        return start + size, total + step(tf.slice(order, [start], [size]), _seed_of(seed, start))

    total = tf.zeros(2)
    if whole:
        _, total = tf.while_loop(lambda start, _: start < whole, body, (0, total), parallel_iterations=1)
    if whole < count:
        total += step(order[whole:], _seed_of(seed, whole))
    return total


def _seed_of(seed: Any, start: Any) -> Any:
    import tensorflow as tf

    return tf.stack([seed[0], seed[1] + start])


def _at_once(model: Any) -> int:
    """Rows that validation takes at once."""
    shapes = [getattr(layer, "output_shape", None) for layer in model.submodules]
    values = [math.prod(shape[1:]) for shape in shapes if isinstance(shape, tuple) and None not in shape[1:]]
    return max(_VALIDATION_VALUES // max(values), 1)


def _loss(model: Any, wanted: Any, given: Any, classifies: bool, class_weights: Floats | None = None) -> Any:
    """Mean loss of a batch and what regularizers add to it."""
    import tensorflow as tf
    import tf_keras

    losses = tf_keras.losses
    kind = losses.categorical_crossentropy if classifies else losses.mean_squared_error
    each = kind(wanted, given)
    if class_weights is not None:
        each *= tf.linalg.matvec(wanted, tf.constant(class_weights))
    return tf.add_n([tf.reduce_mean(each), *model.losses])


def _sums(loss: Any, wanted: Any, given: Any, classifies: bool) -> Any:
    """Loss times rows, and rows that are classified rightly: what adds up over batches; (2,) float32."""
    import tensorflow as tf

    count = tf.cast(tf.shape(wanted)[0], tf.float32)
    if not classifies:
        return tf.stack([loss * count, 0.0])
    same = tf.equal(tf.argmax(wanted, 1), tf.argmax(given, 1))
    return tf.stack([loss * count, tf.reduce_sum(tf.cast(same, tf.float32))])
