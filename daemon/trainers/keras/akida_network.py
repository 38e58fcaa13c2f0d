"""The same layers as a tf_keras model in the form that an Akida chip has."""

from __future__ import annotations

from typing import Any

from daemon.trainers.keras.akida_layers import AkidaPlan
from daemon.trainers.keras.layers import Layer

#: Where a ReLU saturates, so that few bits suffice for what it gives.
_MOST = 6.0


def build_akida_network(plan: AkidaPlan, outputs: int, dtype: str, most: int) -> Any:
    """A model that has not been trained.

    Parameters
    ----------
    plan : AkidaPlan
        Layers that fit.
    outputs : int
        Classes.
    dtype : str
        Type of the integers that it takes.
    most : int
        The largest one.

    Returns
    -------
    tf_keras.Model
        One input, one output: probabilities. The last ReLU before it is called `last_relu` of the model.
    """
    import tf_keras

    layers = tf_keras.layers
    model = tf_keras.Sequential([layers.Input(plan.shape, dtype=dtype, name="x_input")])
    model.add(layers.Rescaling(1 / most, name="scaled"))
    for number, layer in enumerate(plan.layers):
        behind = plan.layers[number + 1] if number + 1 < len(plan.layers) else None
        normalized = behind is not None and behind.type == "batchNormalization"
        for made in _layers(layers, layer, normalized=normalized):
            model.add(made)
    model.add(layers.Dense(outputs, name="y_pred"))
    model.add(layers.Softmax(name="probabilities"))
    return model


def last_relu(model: Any) -> str | None:
    """Name of the ReLU that the output layer sees; None where there is none."""
    names = [layer.name for layer in model.layers if "ReLU" in type(layer).__name__]
    return names[-1] if names else None


def _layers(keras: Any, layer: Layer, *, normalized: bool) -> list[Any]:
    """What a layer becomes; a batch normalization behind it comes before its ReLU."""
    if layer.type == "flatten":
        return [keras.Flatten()]
    if layer.type == "dropout":
        return [keras.Dropout(layer.dropout_rate)]
    if layer.type == "batchNormalization":
        return []
    made: list[Any] = []
    for last in [False] * (max(layer.stack, 1) - 1) + [True]:
        if layer.type == "dense":
            made.append(keras.Dense(layer.neurons))
        else:
            strides = 2 if last else 1
            made.append(keras.Conv2D(layer.neurons, layer.kernel_size, strides, padding="same"))
        if normalized and last:
            made.append(keras.BatchNormalization())
        made.append(keras.ReLU(_MOST))
    return made
