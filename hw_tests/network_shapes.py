"""Models of well-known shapes with seeded random weights: what the benchmark counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hw_tests.tflite_builder import ModelBuilder

SAME, VALID = 0, 1
RELU = 1


class Chain:
    """Builds a network layer by layer; `at` is the tensor where it stands.

    Scales are chosen so that activations keep their spread from layer to layer. With `dead`, every second
    channel of a convolution gives the same output for every input.
    """

    def __init__(self, shape: Sequence[int], seed: int, *, dead: bool = False) -> None:
        self.dead = dead
        self.builder = ModelBuilder()
        self.rng = np.random.default_rng(seed)
        self.shape = tuple(shape)
        self.scale, self.zero = 0.05, -5
        self.at = self.builder.activation(self.shape, self.scale, self.zero)
        self.first = self.at

    def weights(self, *shape: int) -> npt.NDArray[np.int8]:
        """Bell-shaped, as trained ones are."""
        return np.asarray(np.clip(np.rint(self.rng.normal(0, 36, shape)), -127, 127), np.int8)

    def _scales(self, count: int, fan_in: int) -> tuple[list[float], list[float]]:
        weight = list(self.rng.uniform(0.5, 1.5, count) / (36 * np.sqrt(fan_in)))
        return weight, [self.scale * s for s in weight]

    def _to(self, shape: Sequence[int], zero: int = -128, scale: float | None = None) -> int:
        self.shape, self.zero = tuple(shape), zero
        self.scale = self.scale if scale is None else scale
        self.at = self.builder.activation(self.shape, self.scale, zero)
        return self.at

    def dense(self, units: int, activation: int = RELU) -> Chain:
        """FULLY_CONNECTED."""
        depth = self.shape[-1]
        weight, bias = self._scales(1, depth)
        inputs = [self.at, self.builder.constant(self.weights(units, depth), weight)]
        inputs.append(self.builder.constant(self.rng.integers(-2000, 2000, units).astype(np.int32), bias))
        output = self._to((1, units), -128 if activation else 4)
        self.builder.operator("FULLY_CONNECTED", inputs, [output], FusedActivationFunction=activation)
        return self

    def conv(
        self, units: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1), activation: int = RELU
    ) -> Chain:
        """CONV_2D with SAME padding."""
        _, height, width, depth = self.shape
        weight, bias = self._scales(units, depth * kernel[0] * kernel[1])
        filters, offsets = self.weights(units, *kernel, depth), self.rng.integers(-2000, 2000, units)
        if self.dead:
            filters[1::2], offsets[1::2] = 0, -(1 << 20)
        inputs = [self.at, self.builder.constant(filters, weight, axis=0)]
        inputs.append(self.builder.constant(offsets.astype(np.int32), bias))
        shape = (1, -(-height // stride[0]), -(-width // stride[1]), units)
        output = self._to(shape, -128 if activation else 4)
        options = {"Padding": SAME, "StrideH": stride[0], "StrideW": stride[1]}
        self.builder.operator("CONV_2D", inputs, [output], 3, FusedActivationFunction=activation, **options)
        return self

    def depthwise(self, stride: int = 1) -> Chain:
        """DEPTHWISE_CONV_2D, 3x3, with SAME padding."""
        _, height, width, depth = self.shape
        weight, bias = self._scales(depth, 9)
        inputs = [self.at, self.builder.constant(self.weights(1, 3, 3, depth), weight, axis=3)]
        inputs.append(self.builder.constant(self.rng.integers(-2000, 2000, depth).astype(np.int32), bias))
        output = self._to((1, -(-height // stride), -(-width // stride), depth))
        options = {"Padding": SAME, "StrideH": stride, "StrideW": stride, "DepthMultiplier": 1}
        self.builder.operator(
            "DEPTHWISE_CONV_2D", inputs, [output], 3, FusedActivationFunction=RELU, **options
        )
        return self

    def add(self, other: tuple[int, float, int]) -> Chain:
        """ADD of an earlier tensor: (index, scale, zero point)."""
        inputs = [self.at, other[0]]
        output = self._to(self.shape)
        self.builder.operator("ADD", inputs, [output], 2, FusedActivationFunction=RELU)
        return self

    def average(self) -> Chain:
        """AVERAGE_POOL_2D over the whole picture, then RESHAPE to a row."""
        _, height, width, depth = self.shape
        inputs, zero = [self.at], self.zero
        output = self._to((1, 1, 1, depth), zero)
        size = {"FilterHeight": height, "FilterWidth": width, "StrideH": height, "StrideW": width}
        self.builder.operator("AVERAGE_POOL_2D", inputs, [output], 2, Padding=VALID, **size)
        return self.reshape((1, depth))

    def reshape(self, shape: Sequence[int]) -> Chain:
        """RESHAPE."""
        inputs, zero = [self.at, self.builder.constant(np.array(shape, np.int32))], self.zero
        self.builder.operator("RESHAPE", inputs, [self._to(shape, zero)])
        return self

    def softmax(self) -> Chain:
        """SOFTMAX."""
        inputs = [self.at]
        self.builder.operator("SOFTMAX", inputs, [self._to(self.shape, -128, 1 / 256)], 2, Beta=1.0)
        return self

    def finish(self) -> bytes:
        """The file."""
        return self.builder.finish([self.first], [self.at])


def dense() -> bytes:
    """33-20-10-4."""
    return Chain((1, 33), 1).dense(20).dense(10).dense(4, 0).softmax().finish()


def autoencoder_33() -> bytes:
    """33-16-8-16-33."""
    return Chain((1, 33), 2).dense(16).dense(8).dense(16).dense(33, 0).finish()


def autoencoder_640() -> bytes:
    """640-128x4-8-128x4-640."""
    chain = Chain((1, 640), 3)
    for units in (128,) * 4 + (8,) + (128,) * 4:
        chain.dense(units)
    return chain.dense(640, 0).finish()


def ds_cnn() -> bytes:
    """Keyword spotting on 49x10."""
    chain = Chain((1, 49, 10, 1), 4).conv(64, (10, 4), (2, 2))
    for _ in range(4):
        chain.depthwise().conv(64, (1, 1))
    return chain.average().dense(12, 0).softmax().finish()


def resnet_8() -> bytes:
    """For 32x32x3."""
    chain = Chain((1, 32, 32, 3), 5).conv(16, (3, 3))
    for units, stride in ((16, 1), (32, 2), (64, 2)):
        entry = (chain.at, chain.scale, chain.zero, chain.shape)
        chain.conv(units, (3, 3), (stride, stride)).conv(units, (3, 3), activation=0)
        main = (chain.at, chain.scale, chain.zero, chain.shape)
        if stride == 1:
            chain.add((entry[0], entry[1], entry[2]))
            continue
        chain.at, chain.scale, chain.zero, chain.shape = entry
        chain.conv(units, (1, 1), (stride, stride), activation=0).add((main[0], main[1], main[2]))
    return chain.average().dense(10, 0).softmax().finish()


def mobilenet(*, dead: bool = False) -> bytes:
    """MobileNetV1 0.25 for 96x96x3."""
    chain = Chain((1, 96, 96, 3), 6, dead=dead).conv(8, (3, 3), (2, 2))
    layers = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + [(128, 1)] * 5 + [(256, 2), (256, 1)]
    for units, stride in layers:
        chain.depthwise(stride).conv(units, (1, 1))
    return chain.average().dense(2, 0).softmax().finish()


def mobilenet_half_dead() -> bytes:
    """The same with half of its channels dead."""
    return mobilenet(dead=True)


SHAPES = {
    "dense 33-20-10-4": dense,
    "autoencoder 33": autoencoder_33,
    "autoencoder 640": autoencoder_640,
    "DS-CNN": ds_cnn,
    "ResNet-8": resnet_8,
    "MobileNetV1 0.25 96": mobilenet,
    "the same, half dead": mobilenet_half_dead,
}
