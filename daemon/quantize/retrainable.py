"""The same network in layers that TensorFlow Model Optimization can train on.

It knows no Conv1D, and loses track of activity regularizers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from daemon.errors import TrainingError

Make = Callable[[Any, dict[str, Any]], Any]


def retrainable(model: Any) -> Any:
    """The same network without activity regularizers, and with Conv2D of one row in place of Conv1D.

    Parameters
    ----------
    model : tf_keras.Model
        A chain of layers where it has a Conv1D.

    Returns
    -------
    tf_keras.Model
        With weights of its own; input and output have the same shapes.

    Raises
    ------
    TrainingError
        The model has a Conv1D and is no chain, or a layer over time has no form over pictures.
    """
    import tf_keras

    if any(isinstance(layer, tf_keras.layers.Conv1D) for layer in model.layers):
        return _over_pictures(model)
    copy = tf_keras.models.clone_model(model, clone_function=_without_penalty)
    copy.set_weights(model.get_weights())
    return copy


def _over_pictures(model: Any) -> Any:
    import tf_keras

    layers, forms = tf_keras.layers, _forms(tf_keras.layers)
    inputs = outputs = layers.Input(model.input_shape[1:], name="input")
    pairs = []
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        if len(layer.inbound_nodes) != 1 or isinstance(layer.input, list):
            raise TrainingError(f"layer {layer.name} is no link of a chain of layers", stage="quantize")
        form = forms.get(type(layer))
        if form is not None and len(outputs.shape) == 3:
            outputs = layers.Reshape((1, *outputs.shape[1:]), name=f"{layer.name}_picture")(outputs)
        made = _without_penalty(layer) if form is None else form(layers, layer.get_config())
        if "1D" in type(made).__name__:
            raise TrainingError(f"layer {layer.name} has no form over pictures", stage="quantize")
        outputs = made(outputs)
        pairs.append((layer, made))
    pictures = tf_keras.Model(inputs, outputs)
    for layer, made in pairs:
        weights = zip(layer.get_weights(), made.get_weights(), strict=True)
        made.set_weights([old.reshape(new.shape) for old, new in weights])
    return pictures


def _without_penalty(layer: Any) -> Any:
    config = layer.get_config()
    if "activity_regularizer" in config:
        config["activity_regularizer"] = None
    if type(layer).__name__ == "BatchNormalization":
        # A built layer knows its axis by number; among pictures the channels are one further.
        config["axis"] = -1
    return type(layer).from_config(config)


def _forms(layers: Any) -> dict[Any, Make]:
    """Layers over time, and what makes their form over pictures of their configuration."""
    return {
        layers.Conv1D: _convolution,
        layers.MaxPooling1D: lambda layers, config: layers.MaxPooling2D(**_pooling(config)),
        layers.AveragePooling1D: lambda layers, config: layers.AveragePooling2D(**_pooling(config)),
        layers.GlobalAveragePooling1D: lambda layers, _: layers.GlobalAveragePooling2D(),
        layers.GlobalMaxPooling1D: lambda layers, _: layers.GlobalMaxPooling2D(),
    }


def _convolution(layers: Any, config: dict[str, Any]) -> Any:
    windows = {name: (1, *config[name]) for name in ("kernel_size", "strides", "dilation_rate")}
    return layers.Conv2D.from_config({**config, **windows, "activity_regularizer": None})


def _pooling(config: dict[str, Any]) -> dict[str, Any]:
    windows = {name: (1, *config[name]) for name in ("pool_size", "strides")}
    return {"name": config["name"], "padding": config["padding"], **windows}
