"""Weights in the order of the kernels, and the proofs that the fast arithmetic is exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_export.networks import ir
from firmware_export.networks.ir import Int64

_SPLIT_LIMIT = 1 << 23
_DOUBLING_LIMIT = 1 << 30


@dataclass(frozen=True)
class Channels:
    """One output channel a row: what the kernels' `struct model_channel` holds.

    Attributes
    ----------
    bias, multiplier, shift : int64 arrays, shape (n,)
        The shift as the kernels store it: how far to the right, less one.
    level : int
        `MODEL_SHIFTS` of these channels.
    """

    bias: Int64
    multiplier: Int64
    shift: Int64
    level: int


def channels(bias: Int64, how: ir.Requantization, low: Int64, high: Int64) -> Channels:
    """The channels of a layer whose sums, bias included, lie between `low` and `high`."""
    count = max(len(bias), len(how.multiplier))
    multiplier = np.broadcast_to(how.multiplier, (count,))
    shift = np.where(multiplier == 0, -1, np.broadcast_to(how.shift, (count,)))
    level = 1 if bool(np.any(shift > -1)) else 0
    if bool(np.any(np.maximum(-low, high) >= _DOUBLING_LIMIT)):
        level = 2
    return Channels(np.broadcast_to(bias, (count,)), multiplier, -1 - shift, level)


def sum_bounds(weights: Int64, bias: Int64) -> tuple[Int64, Int64]:
    """The least and largest sum of each row of weights (n, k) over all int8 inputs."""
    up, down = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    return bias - 128 * up + 127 * down, bias + 127 * up - 128 * down


@dataclass(frozen=True)
class Matrix:
    """Weights of a convolution or a fully connected layer, packed.

    Attributes
    ----------
    lanes : int16 array
        [pairs of channels][words][2 inputs], see `kernels/network/lanes.c`.
    words : int
        Pairs of inputs, filled up to an even number.
    split : bool
        Whether a lane is the number 256 * upper + lower, which needs a proof, or two bytes.
    """

    lanes: npt.NDArray[np.int16]
    words: int
    split: bool
    channels: Channels


def matrix(step: ir.Convolution, *, prove: bool) -> Matrix:
    """Pack a convolution; without `prove`, in the form that holds for any weights of the shape."""
    weights = step.weights.reshape(len(step.weights), -1).astype(np.int64)
    bias = step.bias - step.input_zero * weights.sum(axis=1)
    low, high = sum_bounds(weights, bias)
    how = channels(_wrapped(bias), step.requantization, low, high)
    units, depth = -(-weights.shape[0] // 4) * 4, -(-weights.shape[1] // 4) * 4
    padded = np.zeros((units, depth), np.int64)
    padded[: weights.shape[0], : weights.shape[1]] = weights
    lower, upper = padded[0::2], padded[1::2]
    fits = bool(np.all((upper >= -127) | (lower >= 0)))
    small = bool(np.all(np.maximum(-low, high)[1::2] < _SPLIT_LIMIT))
    split = prove and fits and small
    halves = 256 * upper + (lower if split else lower & 0xFF)
    lanes = halves.reshape(units // 2, depth // 4, 4)[:, :, (0, 2, 1, 3)].reshape(-1)
    rest = units - len(bias)
    filled = Channels(
        np.pad(how.bias, (0, rest)),
        np.pad(how.multiplier, (0, rest)),
        np.pad(how.shift, (0, rest)),
        how.level,
    )
    return Matrix(lanes.astype(np.int16), depth // 2, split, filled)


def depthwise_channels(step: ir.Depthwise, *, fold_zero: bool) -> Channels:
    """The channels of a depthwise layer, with the zero point of the input taken into the bias or not."""
    weights = step.weights.reshape(-1, step.weights.shape[2]).T.astype(np.int64)
    raw = step.bias - step.input_zero * weights.sum(axis=1)
    low, high = sum_bounds(weights, raw)
    return channels(_wrapped(raw) if fold_zero else step.bias, step.requantization, low, high)


def is_fast_depthwise(step: ir.Depthwise, shape: tuple[int, ...], out: tuple[int, ...]) -> bool:
    """Whether `depthwise_3x3.c` can do it."""
    window = step.window
    return (
        window.kernel == (3, 3)
        and window.dilation == (1, 1)
        and window.stride in ((1, 1), (2, 2))
        and max(window.pad) <= 1
        and step.multiplier == 1
        and shape[-1] % 4 == 0
        and shape[-1] * max(shape[-2], out[-2]) <= 65535
        and out[-2] <= shape[-2]
    )


def is_turned(shape: tuple[int, ...], out: tuple[int, ...]) -> bool:
    """Whether `depthwise_3x3.c` takes columns for rows: where they are longer, and in place stays exact."""
    return shape == out and shape[0] > shape[1]


def ring_words(step: ir.Depthwise, shape: tuple[int, ...], out: tuple[int, ...]) -> int:
    """Words of a row of one channel in the ring of `depthwise_3x3.c`."""
    width = out[0] if is_turned(shape, out) else out[1]
    return width + 1 if step.window.stride == (2, 2) else -(-width // 2) + 1


def _wrapped(values: Int64) -> Int64:
    return ((values + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
