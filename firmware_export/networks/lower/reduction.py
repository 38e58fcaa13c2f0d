"""MEAN, REDUCE_MAX, SOFTMAX."""

from __future__ import annotations

import math

import numpy as np

from firmware_export.networks import ir
from firmware_export.networks.fixed_point import input_radius, quantize_multiplier
from firmware_export.networks.lower.context import Lowering, zero
from firmware_export.networks.tflite_graph import Tensor


def mean(low: Lowering) -> None:
    """MEAN."""
    x, out = low.data(0), low.output()
    axes = _axes(low, x, out)
    count = math.prod(x.shape[axis] for axis in axes)
    multiplier, shift = quantize_multiplier(float(x.scale[0]) / float(out.scale[0]))
    # The division by the count goes into the multiplier (tflite `QuantizedMeanOrSum`).
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    low.require(extra >= 0, "an extreme ratio of scales")
    how = ir.Requantization(
        multiplier=np.array([(multiplier << extra) // count], np.int64),
        shift=np.array([shift - extra], np.int64),
        zero_point=zero(out),
        low=-128,
        high=127,
    )
    low.require(
        int(how.shift[0]) <= 0 or count << (7 + int(how.shift[0])) < 1 << 31, "an extreme ratio of scales"
    )
    low.emit(ir.Reduce((x.index,), out.index, low.label, axes, -zero(x) * count, how))


def reduce_max(low: Lowering) -> None:
    """REDUCE_MAX."""
    x, out = low.data(0), low.output()
    low.require(low.same_quantization(x, out), "input and output must share scale and zero point")
    low.emit(ir.Reduce((x.index,), out.index, low.label, _axes(low, x, out), 0, None))


def _axes(low: Lowering, x: Tensor, out: Tensor) -> tuple[int, ...]:
    rank = len(x.shape)
    given = [int(axis) + (rank if axis < 0 else 0) for axis in low.integers(1).reshape(-1)]
    low.require(all(0 <= axis < rank for axis in given), f"the axes {given}")
    axes = tuple(sorted(set(given)))
    kept = tuple(size for axis, size in enumerate(x.shape) if axis not in axes)
    full = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    low.require(out.shape == (full if low.node.options["KeepDims"] else kept), "shapes do not fit")
    return axes


def softmax(low: Lowering) -> None:
    """SOFTMAX over the last axis; its output is 1/256 by definition."""
    x, out = low.data(0), low.output()
    beta = float(np.float32(low.node.options["Beta"]))
    low.require(0 < beta <= 1e6, f"beta is {beta}")
    low.require(float(out.scale[0]) == 1 / 256 and zero(out) == -128, "the output's scale must be 1/256")
    low.require(x.shape == out.shape and len(x.shape) > 0, "shapes do not fit")
    low.require(x.shape[-1] < 512, "more than 511 classes")
    real = min(beta * float(x.scale[0]) * (1 << 26), (1 << 31) - 1.0)
    low.require(real > 1.0, "an extreme input scale")
    multiplier, shift = quantize_multiplier(real)
    low.emit(ir.Softmax((x.index,), out.index, low.label, multiplier, shift, -input_radius(5, shift)))
