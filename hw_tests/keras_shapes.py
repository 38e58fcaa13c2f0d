"""Networks of well-known shapes, made with Keras and quantized by a training: what the benchmark counts.

The weights are seeded, and normalised by what the layers before them give, so that activations spread as in a
trained network and no channel is dead by accident. Needs the extra ``keras``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from daemon.quantize.network import convert_int8
from daemon.trainers.keras.runtime import load_tensorflow

CALIBRATION_ROWS = 32

Layers = Any
"""The module ``tf_keras.layers``: its types are not annotated."""


def _dense(layers: Layers, sizes: Iterable[int], last: str | None) -> Any:
    """Dense layers with RELU between them."""
    first, *hidden, end = sizes
    x = source = layers.Input((first,))
    for size in hidden:
        x = layers.Dense(size, activation="relu", bias_initializer="random_normal")(x)
    return source, layers.Dense(end, activation=last, bias_initializer="random_normal")(x)


def _normalised(layers: Layers, x: Any, *, relu: bool = True) -> Any:
    # No momentum: one step over rows sets mean and deviation to theirs.
    x = layers.BatchNormalization(momentum=0.0, beta_initializer="random_normal", gamma_initializer="ones")(x)
    return layers.ReLU()(x) if relu else x


def _conv(
    layers: Layers, x: Any, units: int, kernel: int | tuple[int, int], stride: int = 1, *, relu: bool = True
) -> Any:
    x = layers.Conv2D(units, kernel, strides=stride, padding="same", use_bias=False)(x)
    return _normalised(layers, x, relu=relu)


def _separable(layers: Layers, x: Any, units: int, stride: int = 1) -> Any:
    x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    return _conv(layers, _normalised(layers, x), units, 1)


def _classified(layers: Layers, x: Any, classes: int) -> Any:
    x = layers.AveragePooling2D(x.shape[1:3])(x)
    return layers.Dense(classes, activation="softmax")(layers.Flatten()(x))


def _dense_33(layers: Layers) -> Any:
    return _dense(layers, (33, 20, 10, 4), "softmax")


def _autoencoder_33(layers: Layers) -> Any:
    return _dense(layers, (33, 16, 8, 16, 33), None)


def _autoencoder_640(layers: Layers) -> Any:
    return _dense(layers, (640, *(128,) * 4, 8, *(128,) * 4, 640), None)


def _ds_cnn(layers: Layers) -> Any:
    """Keyword spotting on 49x10."""
    source = layers.Input((49, 10, 1))
    x = _conv(layers, source, 64, (10, 4), 2)
    for _ in range(4):
        x = _separable(layers, x, 64)
    return source, _classified(layers, x, 12)


def _resnet_8(layers: Layers) -> Any:
    """For 32x32x3."""
    source = layers.Input((32, 32, 3))
    x = _conv(layers, source, 16, 3)
    for units, stride in ((16, 1), (32, 2), (64, 2)):
        main = _conv(layers, _conv(layers, x, units, 3, stride), units, 3, relu=False)
        aside = x if stride == 1 else _conv(layers, x, units, 1, stride, relu=False)
        x = layers.ReLU()(layers.Add()([main, aside]))
    return source, _classified(layers, x, 10)


def _mobilenet(layers: Layers) -> Any:
    """MobileNetV1 0.25 for 96x96x3."""
    source = layers.Input((96, 96, 3))
    x = _conv(layers, source, 8, 3, 2)
    steps = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + [(128, 1)] * 5 + [(256, 2), (256, 1)]
    for units, stride in steps:
        x = _separable(layers, x, units, stride)
    return source, _classified(layers, x, 2)


def _kill_half(model: Any) -> None:
    """Make every second channel of each full or pointwise convolution give zero, whatever comes in."""
    for before, layer in zip(model.layers, model.layers[1:], strict=False):
        if type(before).__name__ == "Conv2D":
            gamma, beta, mean, variance = layer.get_weights()
            gamma[1::2], beta[1::2] = 0.0, -1.0
            layer.set_weights([gamma, beta, mean, variance])


SHAPES: dict[str, tuple[Callable[[Layers], Any], bool]] = {
    "dense 33-20-10-4": (_dense_33, False),
    "autoencoder 33": (_autoencoder_33, False),
    "autoencoder 640": (_autoencoder_640, False),
    "DS-CNN": (_ds_cnn, False),
    "ResNet-8": (_resnet_8, False),
    "MobileNetV1 0.25 96": (_mobilenet, False),
    "the same, half dead": (_mobilenet, True),
}
"""By name: inputs and outputs, and whether half of the channels are dead on purpose."""


def make(shape: str) -> bytes:
    """The int8 .tflite file of a shape.

    Parameters
    ----------
    shape : str
        A key of `SHAPES`.
    """
    load_tensorflow(1, seed=1)
    import tf_keras

    build, dead = SHAPES[shape]
    model = tf_keras.Model(*build(tf_keras.layers))
    size = (CALIBRATION_ROWS, *model.input_shape[1:])
    rows = np.random.default_rng(2).normal(size=size).astype(np.float32)
    model(rows, training=True)
    if dead:
        _kill_half(model)
    return convert_int8(model, rows)
