"""From features to integer inputs."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.quantize.inputs import InputScale


def scale_of(reciprocal: float, zero_point: int, bits: int = 8) -> InputScale:
    width = 8 if bits == 8 else 15
    return InputScale(np.array([reciprocal], np.float32), np.array([zero_point], np.int32), bits, width)


def quantized(scale: InputScale, *values: float) -> list[int]:
    return [int(q) for q in scale.quantize(np.array(values)[:, None])[:, 0]]


def test_rounds_half_away_from_zero_before_the_zero_point_is_added() -> None:
    assert quantized(scale_of(1.0, 3), 0.5, -0.5, 1.5, -1.5, 0.49, -0.49) == [4, 2, 5, 1, 3, 3]


def test_saturates_at_both_ends() -> None:
    assert quantized(scale_of(1.0, 0), 127.4, 127.5, 1e30, -128.6, -1e30) == [127, 127, 127, -128, -128]
    assert quantized(scale_of(1.0, 0, bits=16), 1e30, -1e30) == [16383, -16384]


def test_takes_the_product_as_float32_has_it() -> None:
    # The exact product is a little below 1.5, its float32 is 1.5.
    value, reciprocal = np.float32(0.9319263), np.float32(1.6095693)
    assert value * reciprocal == np.float32(1.5)
    assert float(value) * float(reciprocal) < 1.5
    assert quantized(scale_of(float(reciprocal), 0), float(value)) == [2]


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_a_feature_that_is_not_finite_fills_the_row(bad: float) -> None:
    scale = InputScale(np.ones(3, np.float32), np.zeros(3, np.int32), 8, 8)
    assert scale.quantize([[1.0, bad, 2.0]]).tolist() == [[127, 127, 127]]


def test_a_feature_far_from_zero_keeps_what_float32_can_tell_apart() -> None:
    # Around 1e9 a float32 has steps of 64.
    scale = InputScale.from_steps(np.array([1e9]), np.array([0.01]), bits=8, width=8)
    assert abs(int(scale.zero_point[0])) < 2**22
    at, above = quantized(scale, 1e9, 1e9 + 64 * 512)
    assert abs(at) <= 1
    assert above == 127


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"takes \(n, 1\)"):
        scale_of(1.0, 0).quantize(np.zeros((2, 3)))
