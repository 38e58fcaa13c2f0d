"""The integer arithmetic of TensorFlow Lite Micro, exactly.

Everything rounds twice, as gemmlowp does: once in the doubling high multiplication, once in the
right shift. Formulas re-implemented from tflite-micro `kernels/internal/common.cc`,
`quantization_util.cc` and gemmlowp `fixedpoint/fixedpoint.h`. Arrays are int64 throughout and hold
int32 values, so that nothing overflows on the way.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

INT8_MIN, INT8_MAX = -128, 127


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real multiplier as (31-bit mantissa, power of two): real = mantissa * 2**(shift - 31).

    Source: tflite `QuantizeMultiplier`.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    mantissa = math.floor(fraction * (1 << 31) + 0.5)
    if mantissa == 1 << 31:
        mantissa //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return mantissa, shift


def wrap32(values: Ints) -> Ints:
    """Values modulo 2**32, as int32 arithmetic leaves them."""
    return ((values + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


def high_multiply(values: Ints | int, multiplier: Ints | int) -> Ints:
    """(2 * values * multiplier) >> 32, rounded half up: gemmlowp's doubling high multiplication."""
    a, b = np.asarray(values, np.int64), np.asarray(multiplier, np.int64)
    product = a * b
    rounded = (product + (1 << 30)) >> 31
    overflow = (a == b) & (a == -(1 << 31))
    return np.where(overflow, (1 << 31) - 1, rounded)


def rounding_shift(values: Ints | int, exponent: Ints | int) -> Ints:
    """Values / 2**exponent, rounded half away from zero: gemmlowp's `RoundingDivideByPOT`."""
    x, e = np.asarray(values, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << e) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> e) + ((x & mask) > threshold)


def requantize(values: Ints | int, multiplier: Ints | int, shift: Ints | int) -> Ints:
    """int32 values times a quantized multiplier: tflite `MultiplyByQuantizedMultiplier`."""
    x, s = np.asarray(values, np.int64), np.asarray(shift, np.int64)
    left, right = np.maximum(s, 0), np.maximum(-s, 0)
    return rounding_shift(high_multiply(wrap32(x << left), multiplier), right)


def activation_range(activation: str, scale: np.float32, zero_point: int) -> tuple[int, int]:
    """The int8 bounds of a fused activation: tflite `CalculateActivationRangeQuantized`."""

    def quantized(value: float) -> int:
        return zero_point + round_half_away(np.float32(value) / scale)

    low, high = INT8_MIN, INT8_MAX
    if activation in ("RELU", "RELU6"):
        low = max(low, quantized(0.0))
    if activation == "RELU6":
        high = min(high, quantized(6.0))
    if activation == "RELU_N1_TO_1":
        low, high = max(low, quantized(-1.0)), min(high, quantized(1.0))
    return low, high


def round_half_away(value: float | np.float32) -> int:
    """To the nearest integer, halves away from zero, as C's `round`."""
    magnitude = math.floor(abs(float(value)) + 0.5)
    return magnitude if value >= 0 else -magnitude


def input_radius(integer_bits: int, left_shift: int) -> int:
    """The largest input magnitude that a rescaling keeps in range: tflite `CalculateInputRadius`."""
    return math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / 2.0**left_shift)


def shift_left_saturating(value: int, amount: int) -> int:
    """An int32 times 2**amount, saturated."""
    return max(-(1 << 31), min((1 << 31) - 1, value << amount))


def _mul(a: int, b: int) -> int:
    return int(high_multiply(a, b))


def exp_on_negative(value: int, integer_bits: int) -> int:
    """exp(value) in Q0.31 for value <= 0 in Q(integer_bits).(31 - integer_bits), as gemmlowp computes it.

    The argument is split into a multiple of 1/4, handled by a product of constants, and a rest in
    (-1/4, 0], handled by a Taylor polynomial around -1/8.
    """
    if value == 0:
        return (1 << 31) - 1
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    rest = (value & (quarter - 1)) - quarter
    x = shift_left_saturating(rest, integer_bits) + (1 << 28)
    x2 = _mul(x, x)
    x3, x4 = _mul(x2, x), _mul(x2, x2)
    tail = int(rounding_shift(_mul(int(rounding_shift(x4, 2)) + x3, _ONE_THIRD) + x2, 1))
    result = _EXP_MINUS_EIGHTH + _mul(_EXP_MINUS_EIGHTH, x + tail)
    remainder = rest - value
    for exponent, factor in enumerate(_EXP_FACTORS, start=-2):
        if exponent < integer_bits and remainder & (1 << (fraction_bits + exponent)):
            result = _mul(result, factor)
    return result


_ONE_THIRD = 715827883
_EXP_MINUS_EIGHTH = 1895147668
# exp(-2**k) in Q0.31 for k = -2 .. 4
_EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def _newton_reciprocal(value: int) -> int:
    """2 / (1 + value) in Q2.29 for value in [0, 1) in Q0.31: three Newton steps from 48/17 - 32/17 d."""
    half_denominator = (value + (1 << 31)) >> 1  # rounding half sum with 2**31 - 1
    x = 1515870810 + _mul(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - _mul(half_denominator, x)
        x += shift_left_saturating(_mul(x, error), 2)
    return x


def one_over_one_plus(value: int) -> int:
    """1 / (1 + value), Q0.31 to Q0.31."""
    return shift_left_saturating(_newton_reciprocal(value), 1)


def logistic(value: int) -> int:
    """1 / (1 + exp(-value)): Q4.27 to Q0.31."""
    if value == 0:
        return 1 << 30
    positive = one_over_one_plus(exp_on_negative(-abs(value), 4))
    return positive if value > 0 else (1 << 31) - 1 - positive


def tanh(value: int) -> int:
    """tanh(value): Q4.27 to Q0.31."""
    if value == 0:
        return 0
    exponential = exp_on_negative(-abs(value), 5)  # exp(-2 |value|): the same bits, read as Q5.26
    magnitude = shift_left_saturating(_newton_reciprocal(exponential) - (1 << 29), 2)
    return magnitude if value > 0 else -magnitude


def reciprocal(total: int, integer_bits: int) -> tuple[int, int]:
    """1 / total of a positive Q(integer_bits) sum, as (Q0.31 mantissa, bits over one).

    Source: tflite `GetReciprocal`.
    """
    headroom = 32 - total.bit_length()
    fraction = ((total << headroom) & 0xFFFFFFFF) - (1 << 31)
    return one_over_one_plus(fraction), integer_bits - headroom
