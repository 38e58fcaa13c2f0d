"""Transfer learning: a MobileNet that was trained before, a small classifier behind it, then both together.

As Edge Impulse's generated code does it: the network is frozen while the classifier learns; then the last
`FINE_TUNED` of all layers go on with small steps, from the best weights so far.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from daemon.errors import TrainingError
from daemon.trainers.keras.fit import Phase
from daemon.trainers.keras.network import build_optimizer
from daemon.trainers.keras.pretrained import PRETRAINED, Pretrained, check_weights
from daemon.trainers.keras.shapes import Placed, Shape

#: Share of the layers that learn in the second phase, how many epochs it has, and its learning rate.
FINE_TUNED, FINE_TUNE_EPOCHS, FINE_TUNE_RATE = 0.65, 10, 4.5e-5


def build_transfer_model(
    placed: Placed, input_shape: Shape, outputs: int, weights: Path, *, classifies: bool
) -> Any:
    """A network with the weights that it was trained to, and a classifier that knows nothing yet.

    Parameters
    ----------
    placed : Placed
        Which network, and the shape of its images.
    input_shape : tuple of int
        Shape of one row.
    outputs : int
        Classes of a classifier, numbers of a regression.
    weights : Path
        Its weights.
    classifies : bool
        Whether the outputs are probabilities of classes.

    Returns
    -------
    tf_keras.Model
        One input, one output, called ``y_pred``; float32.

    Raises
    ------
    TrainingError
        The file is not the one that was listed, or of another network.
    """
    import tf_keras

    layers = tf_keras.layers
    rows = tf_keras.Input(input_shape, name="x_input")
    images = layers.Reshape(placed.gives)(rows) if input_shape != placed.gives else rows
    if placed.gives[2] == 1:
        images = layers.Concatenate(name="grey_as_colour")([images, images, images])
    base = _base(PRETRAINED[placed.layer.type], images)
    _load(base, weights)
    base.trainable = False
    # The classifier sees each cell of the last picture by itself, and then all of them.
    found = layers.Reshape((-1, base.output_shape[-1]))(base.output)
    if placed.layer.neurons:
        found = layers.Dense(placed.layer.neurons, activation="relu")(found)
    found = layers.Flatten()(layers.Dropout(placed.layer.dropout_rate)(found))
    activation = "softmax" if classifies else None
    return tf_keras.Model(rows, layers.Dense(outputs, activation=activation, name="y_pred")(found))


def transfer_phases(epochs: int, make_optimizer: Callable[[], Any]) -> list[Phase]:
    """First the classifier alone, as it was asked for, then the last layers of all with small steps."""
    fine_tune = partial(build_optimizer, FINE_TUNE_RATE)
    return [Phase(epochs, make_optimizer), Phase(FINE_TUNE_EPOCHS, fine_tune, _set_free)]


def _base(pretrained: Pretrained, images: Any) -> Any:
    """The network without its own classifier, and before its training."""
    import tf_keras

    kinds = {
        "MobileNetV1": tf_keras.applications.MobileNet,
        "MobileNetV2": tf_keras.applications.MobileNetV2,
    }
    return kinds[pretrained.family](
        input_tensor=images,
        input_shape=tuple(images.shape[1:]),
        alpha=pretrained.alpha,
        include_top=False,
        weights=None,
    )


def _load(base: Any, weights: Path) -> None:
    check_weights(weights)
    try:
        base.load_weights(weights)
    except (ValueError, OSError, KeyError) as error:
        raise TrainingError(
            f"{weights} does not hold the weights of this network: {error}", stage="train"
        ) from error


def _set_free(model: Any) -> None:
    """Let the last layers learn; the first ones have learnt to see."""
    frozen = math.ceil(len(model.layers) * (1 - FINE_TUNED))
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= frozen
