"""How a float feature becomes an integer input, exactly as the generated C does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.signedinteger[Any]]

_LARGEST_ZERO_POINT = 2**22 - 2**16
"""Bound of |zero point|: beyond 2**22 steps from zero a float32 has no bit left for half a step."""

_LARGEST_RECIPROCAL = 2.0**96
_SMALLEST_RECIPROCAL = 2.0**-96


def finest_step(center: FloatArray) -> FloatArray:
    """The finest steps that float32 can tell apart around some values: (d,) -> (d,) float64."""
    return np.abs(center) / _LARGEST_ZERO_POINT


def as_float32(features: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Features as the C gets them; what float32 cannot hold becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(features, dtype=np.float32)


def finite_rows(features: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Rows in which no feature is NaN or infinite: (n, d) -> (n,) bool."""
    return np.asarray(np.isfinite(as_float32(features)).all(axis=1))


@dataclass(frozen=True)
class InputScale:
    """The quantization of one row of features.

    ``q = saturate(round(x * reciprocal) + zero_point)``: a float32 product, rounded half away from zero, the
    rest in integers, so that no compiler can fuse or reorder anything that matters.

    Attributes
    ----------
    reciprocal : (d,) float32
        Steps per unit of each feature.
    zero_point : (d,) int32
        What a feature of zero becomes; may lie far outside the inputs' range.
    bits : {8, 16}
        Width of the inputs in memory.
    width : int
        Bits that are used: inputs saturate at ``-2**(width-1)`` and ``2**(width-1) - 1``.
    """

    reciprocal: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int32]
    bits: int
    width: int

    @classmethod
    def from_steps(cls, center: FloatArray, step: FloatArray, *, bits: int, width: int) -> InputScale:
        """Choose reciprocal and zero point.

        Parameters
        ----------
        center : (d,) float64
            Value of each feature that becomes an input near 0.
        step : (d,) float64
            What one input step shall be worth. Made coarser where float32 could not tell such steps apart at
            ``center``.
        bits, width : int
            See the class.
        """
        possible = np.maximum(step, finest_step(center))
        reciprocal = np.clip(1.0 / possible, _SMALLEST_RECIPROCAL, _LARGEST_RECIPROCAL).astype(np.float32)
        zero_point = np.clip(
            -np.rint(center * reciprocal.astype(np.float64)), -_LARGEST_ZERO_POINT, _LARGEST_ZERO_POINT
        )
        return cls(reciprocal, zero_point.astype(np.int32), bits, width)

    @property
    def low(self) -> int:
        """Smallest input."""
        return -(1 << (self.width - 1))

    @property
    def high(self) -> int:
        """Largest input; what every input of a row with a NaN or infinite feature becomes."""
        return (1 << (self.width - 1)) - 1

    @property
    def step(self) -> FloatArray:
        """What one input step is worth, in the features' units: (d,) float64."""
        return 1.0 / self.reciprocal.astype(np.float64)

    def place(self, points: FloatArray, *, fraction: int) -> npt.NDArray[np.int32]:
        """Where points of the feature space lie on the input grid, for the numbers of a model.

        Parameters
        ----------
        points : (k, d) float64
            In the features' units.
        fraction : int
            Fraction bits of the result.

        Returns
        -------
        (k, d) int32
        """
        steps = np.clip(points / self.step + self.zero_point, self.low, self.high)
        return np.asarray(np.rint(steps * 2.0**fraction), dtype=np.int32)

    def quantize(self, features: npt.ArrayLike) -> IntArray:
        """Quantize rows.

        Parameters
        ----------
        features : (n, d) array of float
            Taken as float32, which is what the C gets.

        Returns
        -------
        (n, d) int8 or int16
            A row with a NaN or infinite feature is ``high`` throughout.

        Raises
        ------
        ValueError
            The rows do not have ``d`` columns.
        """
        rows = as_float32(features)
        with np.errstate(over="ignore", invalid="ignore"):
            if rows.ndim != 2 or rows.shape[1] != self.reciprocal.size:
                raise ValueError(
                    f"features have shape {rows.shape}, the model takes (n, {self.reciprocal.size})"
                )
            product = (rows * self.reciprocal).astype(np.float64)
            magnitude = np.floor(np.minimum(np.abs(product), 2.0**31) + 0.5)
            steps = np.copysign(magnitude, product) + self.zero_point
        steps = np.where(finite_rows(rows)[:, None], np.clip(steps, self.low, self.high), self.high)
        return steps.astype(np.int8 if self.bits == 8 else np.int16)

    def parts(self) -> dict[str, Any]:
        """What is stored of it."""
        return {
            "reciprocal": self.reciprocal,
            "zero_point": self.zero_point,
            "bits": self.bits,
            "width": self.width,
        }

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> InputScale:
        """The inverse of ``parts``; takes its members out of the dictionary."""
        return cls(
            parts.pop("reciprocal"), parts.pop("zero_point"), int(parts.pop("bits")), int(parts.pop("width"))
        )
