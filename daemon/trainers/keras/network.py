"""Visual layers to a tf_keras model, as Edge Impulse's generated code builds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daemon.trainers.keras.shapes import Placed, Shape

#: Of the activity of each dense layer.
_L1 = 1e-5


def build_model(layers: Sequence[Placed], input_shape: Shape, outputs: int, *, classifies: bool) -> Any:
    """A model that has not been trained.

    Parameters
    ----------
    layers : sequence of Placed
        The layers before the output layer.
    input_shape : tuple of int
        Shape of one row.
    outputs : int
        Classes of a classifier, numbers of a regression.
    classifies : bool
        Whether the outputs are probabilities of classes.

    Returns
    -------
    tf_keras.Model
        One input, one output, called ``y_pred``; float32.
    """
    import tf_keras

    model = tf_keras.Sequential([tf_keras.Input(input_shape, name="x_input")])
    for placed in layers:
        for layer in _LAYERS[placed.layer.type](tf_keras, placed):
            model.add(layer)
    activation = "softmax" if classifies else None
    model.add(tf_keras.layers.Dense(outputs, activation=activation, name="y_pred"))
    return model


def build_optimizer(learning_rate: float, *, learned: bool = False) -> Any:
    """Adam as Edge Impulse's generated code sets it, or Prodigy, which needs no learning rate."""
    import tf_keras

    from daemon.trainers.keras.prodigy import Prodigy

    if learned:
        return Prodigy()
    return tf_keras.optimizers.legacy.Adam(learning_rate, beta_1=0.9, beta_2=0.999)


def _dense(keras: Any, placed: Placed) -> list[Any]:
    regularizer = keras.regularizers.L1(_L1)
    return [keras.layers.Dense(placed.layer.neurons, activation="relu", activity_regularizer=regularizer)]


def _conv1d(keras: Any, placed: Placed) -> list[Any]:
    layer = placed.layer
    convolutions = [
        keras.layers.Conv1D(layer.neurons, layer.kernel_size, padding="same", activation="relu")
        for _ in range(layer.stack)
    ]
    return [*convolutions, keras.layers.MaxPooling1D(pool_size=2, strides=2, padding="same")]


def _conv2d(keras: Any, placed: Placed) -> list[Any]:
    layer = placed.layer
    convolutions = [
        keras.layers.Conv2D(
            layer.neurons,
            layer.kernel_size,
            padding="same",
            activation="relu",
            kernel_constraint=keras.constraints.MaxNorm(1),
        )
        for _ in range(layer.stack)
    ]
    return [*convolutions, keras.layers.MaxPooling2D(pool_size=2, strides=2, padding="same")]


def _reshape(keras: Any, placed: Placed) -> list[Any]:
    return [keras.layers.Reshape(placed.gives)]


def _flatten(keras: Any, _: Placed) -> list[Any]:
    return [keras.layers.Flatten()]


def _dropout(keras: Any, placed: Placed) -> list[Any]:
    return [keras.layers.Dropout(placed.layer.dropout_rate)]


def _batch_normalization(keras: Any, _: Placed) -> list[Any]:
    return [keras.layers.BatchNormalization()]


_LAYERS: Mapping[str, Callable[[Any, Placed], list[Any]]] = {
    "dense": _dense,
    "conv1d": _conv1d,
    "conv2d": _conv2d,
    "reshape": _reshape,
    "flatten": _flatten,
    "dropout": _dropout,
    "batchNormalization": _batch_normalization,
}
