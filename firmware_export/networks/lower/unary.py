"""Operators on single numbers: each becomes a table of 256 results.

Formulas re-implemented from tflite-micro `kernels/{activations,leaky_relu,logistic,tanh,hard_swish,
quantize}` and their reference kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from firmware_export.networks import ir
from firmware_export.networks.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    activation_range,
    input_radius,
    logistic,
    quantize_multiplier,
    requantize,
    round_half_away,
    rounding_shift,
    tanh,
)
from firmware_export.networks.lower.context import Lowering, zero
from firmware_export.networks.tflite_graph import Tensor


def relu(low: Lowering) -> None:
    """RELU, also with another scale behind it."""
    x, out = low.data(0), low.output()
    lowest, highest = activation_range("RELU", out.scale[0], zero(out))
    factor = float(np.float32(x.scale[0] / out.scale[0]))
    _table(low, x, _rescaled(low, x, out, factor, max(lowest, INT8_MIN), highest))


def relu6(low: Lowering) -> None:
    """RELU6 with the same scale behind it: with another one the runtimes disagree."""
    x, out = low.data(0), low.output()
    low.require(low.same_quantization(x, out), "input and output must share scale and zero point")
    lowest, highest = activation_range("RELU6", out.scale[0], zero(out))
    _table(low, x, lambda q: min(max(q, lowest), highest))


def dequantize(low: Lowering) -> None:
    """DEQUANTIZE, only before a QUANTIZE; the two become one table there."""
    x = low.data(0)
    low.require(len(low.node.outputs) == 1, "several outputs")
    low.dequantized[low.node.outputs[0]] = x


def quantize(low: Lowering) -> None:
    """QUANTIZE from int8 to int8 of another scale; after a DEQUANTIZE, the pair of both."""
    given, out = low.tensor(0), low.output()
    if given.index in low.dequantized:
        x = low.dequantized[given.index]
        _table(low, x, lambda q: _through_float(q, x, out))
        return
    if given.type == "FLOAT32":
        low.refuse("its input is FLOAT32; give the model an int8 input (inference_input_type=tf.int8)")
    x = low.data(0)
    _table(low, x, _rescaled(low, x, out, float(x.scale[0]) / float(out.scale[0]), INT8_MIN, INT8_MAX))


def _through_float(q: int, x: Tensor, out: Tensor) -> int:
    real = np.float32(float(x.scale[0]) * (q - zero(x)))
    with np.errstate(over="ignore"):
        ratio = np.float32(real / out.scale[0])
    limited = float(np.clip(ratio, -(2.0**24), 2.0**24))
    return min(max(round_half_away(limited) + zero(out), INT8_MIN), INT8_MAX)


def leaky_relu(low: Lowering) -> None:
    """LEAKY_RELU."""
    x, out = low.data(0), low.output()
    alpha = np.float32(low.node.options["Alpha"])
    low.require(bool(abs(alpha) <= 1e6), f"alpha is {alpha}")
    slope = float(np.float32(np.float32(x.scale[0] * alpha) / out.scale[0]))
    positive = _rescaled(low, x, out, float(np.float32(x.scale[0] / out.scale[0])), INT8_MIN, INT8_MAX)
    negative = _rescaled(low, x, out, slope, INT8_MIN, INT8_MAX)
    _table(low, x, lambda q: positive(q) if q >= zero(x) else negative(q))


def logistic_op(low: Lowering) -> None:
    """LOGISTIC; its output is 1/256 by definition."""
    _s_curve(low, logistic, out_scale=1 / 256, out_zero=-128, shift=23)


def tanh_op(low: Lowering) -> None:
    """TANH; its output is 1/128 by definition."""
    _s_curve(low, tanh, out_scale=1 / 128, out_zero=0, shift=24)


def _s_curve(
    low: Lowering, curve: Callable[[int], int], *, out_scale: float, out_zero: int, shift: int
) -> None:
    x, out = low.data(0), low.output()
    low.require(
        float(out.scale[0]) == out_scale and zero(out) == out_zero, f"the output's scale must be {out_scale}"
    )
    fraction, left = math.frexp(float(x.scale[0]) * (1 << 27))
    multiplier = round_half_away(fraction * (1 << 31))
    low.require(-31 <= left <= 30 and multiplier < 1 << 31, "an extreme input scale")
    radius = input_radius(4, left)

    def value(q: int) -> int:
        centred = q - zero(x)
        if centred <= -radius:
            return INT8_MIN
        if centred >= radius:
            return INT8_MAX
        result = curve(int(requantize(centred, multiplier, left)))
        return min(max(int(rounding_shift(result, shift)) + out_zero, INT8_MIN), INT8_MAX)

    _table(low, x, value)


def hard_swish(low: Lowering) -> None:
    """HARD_SWISH, in saturating 16-bit arithmetic."""
    x, out = low.data(0), low.output()
    hires = np.float32(np.float32(1 / 128) * x.scale[0])
    out_multiplier, out_exponent = _multiplier16(float(np.float32(hires / out.scale[0])))
    relu_multiplier, relu_exponent = _multiplier16(float(np.float32(hires / np.float32(3 / 32768))))
    low.require(
        out_exponent <= 0, "an output scale so much finer than the input's that the runtimes refuse it"
    )
    low.require(relu_exponent <= 15, "an extreme input scale")

    def value(q: int) -> int:
        centred = (q - zero(x)) * 128
        preshift = _high_multiply16(centred, out_multiplier)
        gate = centred
        if relu_exponent > 0:
            gate = _saturate16(gate << (relu_exponent - 1))
        gate = _high_multiply16(gate, relu_multiplier)
        if relu_exponent > 0:
            gate = _saturate16(gate * 2)
        if relu_exponent < 0:
            gate = int(rounding_shift(gate, -relu_exponent))
        gate = (gate + (1 << 15)) >> 1
        product = gate * preshift
        result = abs(product) >> 15
        result = int(rounding_shift(result if product >= 0 else -result, -out_exponent)) + zero(out)
        return min(max(result, INT8_MIN), INT8_MAX)

    _table(low, x, value)


def _multiplier16(real: float) -> tuple[int, int]:
    multiplier, exponent = quantize_multiplier(real)
    return min((multiplier + (1 << 15)) >> 16, 32767), exponent


def _saturate16(value: int) -> int:
    return min(max(value, -32768), 32767)


def _high_multiply16(a: int, b: int) -> int:
    return (a * b + (1 << 14)) >> 15


def _rescaled(
    low: Lowering, x: Tensor, out: Tensor, factor: float, lowest: int, highest: int
) -> Callable[[int], int]:
    multiplier, shift = quantize_multiplier(factor)
    low.require(shift <= 22, "an output scale so much finer than the input's that sums overflow")
    return lambda q: min(max(int(requantize(q - zero(x), multiplier, shift)) + zero(out), lowest), highest)


def _table(low: Lowering, x: Tensor, value: Callable[[int], int]) -> None:
    out = low.output()
    low.require(x.shape == out.shape, "shapes do not fit")
    table = np.array([value(q) for q in range(-128, 128)], np.int8)
    low.emit(ir.Lookup((x.index,), out.index, low.label, table))
