"""A stand-in for BrainChip's cnn2snn, see ../README.md: dense networks only, and weights that are rounded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import Enum
from typing import Any

import akida
import numpy as np
import tensorflow as tf
import tf_keras


class AkidaVersion(Enum):
    """Generations of the chip."""

    v1 = "v1"
    v2 = "v2"


_target = AkidaVersion.v2


@contextlib.contextmanager
def set_akida_version(version: AkidaVersion) -> Iterator[None]:
    """Convert for a generation."""
    global _target
    before, _target = _target, version
    try:
        yield
    finally:
        _target = before


class BinaryReLU(tf_keras.layers.Layer):  # type: ignore[misc]
    """Gives one bit; what comes back is the gradient of a ReLU."""

    def call(self, values: Any) -> Any:
        """One bit of each value."""
        smooth = tf.clip_by_value(values, 0.0, 1.0)
        return smooth + tf.stop_gradient(tf.cast(values > 0, tf.float32) - smooth)


def quantize(
    model: Any, weight_quantization: int, activ_quantization: int, input_weight_quantization: int
) -> Any:
    """The network with rounded weights."""
    if min(weight_quantization, activ_quantization, input_weight_quantization) < 1:
        raise ValueError("Only bitwidth greater than zero is supported.")
    made = tf_keras.models.clone_model(model)
    steps = 2 ** (weight_quantization - 1) - 1
    made.set_weights(
        [np.round(weight * steps) / steps if weight.ndim > 1 else weight for weight in model.get_weights()]
    )
    return made


def quantize_layer(model: Any, target_layer: str, bitwidth: int) -> Any:
    """The network with one bit for what a layer gives."""
    assert bitwidth == 1

    def one(layer: Any) -> Any:
        if layer.name == target_layer:
            return BinaryReLU(name=layer.name)
        return type(layer).from_config(layer.get_config())

    made = tf_keras.models.clone_model(model, clone_function=one)
    made.set_weights(model.get_weights())
    return made


def convert(model: Any, file_path: str | None = None, input_scaling: tuple[int, int] | None = None) -> Any:
    """The stand-in's model of a network."""
    assert file_path is None and input_scaling is None
    shape = list(model.input_shape[1:])
    vector = len(shape) == 1
    first = _target is AkidaVersion.v1
    dtype = "uint8" if first or not vector else "int8"
    state = akida._State(
        ip_version=_target.value,
        input_shape=[1, 1, *shape] if vector else shape,
        input_dtype=dtype,
        most=15 if vector and first else 255,
        layers=[layer for one in model.layers for layer in _layers(one)],
    )
    return akida.Model(state=state)


def _layers(layer: Any) -> list[dict[str, Any]]:
    kind = type(layer).__name__
    if kind == "Rescaling":
        return [{"kind": "scale", "factor": float(layer.scale)}]
    if kind == "Dense":
        weights, bias = layer.get_weights()
        return [{"kind": "dense", "weights": weights.tolist(), "bias": bias.tolist()}]
    if kind in ("ReLU", "BinaryReLU"):
        return [{"kind": "relu" if kind == "ReLU" else "binary"}]
    if kind in ("InputLayer", "Dropout", "Flatten", "Softmax"):
        return []
    raise ValueError(f"Layers '{layer.name}': unsupported type [{kind}]")
