"""A Gaussian mixture in integers: Mahalanobis distances by triangular factors, a log-sum-exp without exp.

Everything runs in octaves (log2), so that the one transcendental function, ``log2(1 + 2**-t)``, has a close
approximation in two multiplications: ``(1 - t/8)**4`` for t < 8 and 0 beyond, within 0.027 octave. The
arithmetic, for inputs ``q``, with every number an integer that fits 32 bits whatever the input is::

    y_j     = saturate((bias_kj + sum_i q_i * factor_kij) >> shift_k)       6 fraction bits
    l_k     = offset_k - sum_j y_j^2                 12 fraction bits; offset holds weight, determinant, and
                                                     minus the mean log-likelihood of the training rows
    l       = log2(sum_k 2**l_k)                     one component after the other
    score_q = min(cap, |l| * multiplier / 2**32)     rounded down; multiplier holds ln(2) / ll_std
    score   = score_q * score_scale                  a power of two: exact in float32
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.models.anomaly import SCORE_CAP, GmmModel
from daemon.quantize.inputs import FloatArray, InputScale, IntArray
from daemon.quantize.kmeans import FORMAT, decisions, scaled_scores, threshold_steps

_Y_FRACTION = 6
_L_FRACTION = 2 * _Y_FRACTION
_LN2 = float(np.log(2.0))
_FINEST_SCORE = 2.0**-13
"""Finest score scale: the cap is then below 2**24 and every score an exact float32."""


def input_width(bits: int) -> int:
    """Bits of an input that are used: differences from a mean must fit 16 bits."""
    return 8 if bits == 8 else 15


def y_width(dims: int) -> int:
    """Bits of a whitened coordinate: as many as keep the sum of the squares within 2**30."""
    return 1 + (30 - (dims - 1).bit_length()) // 2


@dataclass(frozen=True)
class IntegerGmm:
    """The integer model of a :class:`GmmModel`; the generated C equals it bit for bit.

    Attributes
    ----------
    axes : (d,) uint16
        Which DSP outputs the features are.
    inputs : InputScale
        From features to ``q``; each axis has its own step.
    factors : (k, d, d) int32
        Upper triangular, 16 bits each: what whitens a component, in root octaves a step.
    biases : (k, d) int32
        What centres a component, in the unit of the sums; half a step of the shift is in it, which rounds.
    shifts : (k,) int32
        Fraction bits of a component's factors above those of ``y``.
    offsets : (k,) int32
        In 2**-12 octaves.
    y_width : int
        Bits at which a whitened coordinate saturates.
    cap : int
        The cap of ``score_q``.
    multiplier : int
        32-bit fraction that brings octaves to ``score_scale``.
    score_scale : float
        What one step of ``score_q`` is worth, in standard deviations of the log-likelihood; a power of two.
    threshold : float
        A score at or above it is an anomaly.
    """

    axes: npt.NDArray[np.uint16]
    inputs: InputScale
    factors: npt.NDArray[np.int32]
    biases: npt.NDArray[np.int32]
    shifts: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int32]
    y_width: int
    cap: int
    multiplier: int
    score_scale: float
    threshold: float

    @property
    def threshold_q(self) -> int:
        """The least ``score_q`` that is an anomaly: exactly where ``score_q * score_scale >= threshold``."""
        return threshold_steps(self.threshold, self.score_scale)

    def with_threshold(self, threshold: float) -> IntegerGmm:
        """The same model that decides elsewhere."""
        return replace(self, threshold=threshold)

    def quantize(self, features: npt.ArrayLike) -> IntArray:
        """See :meth:`InputScale.quantize`."""
        return self.inputs.quantize(features)

    def log_likelihood_q(self, q: IntArray) -> npt.NDArray[np.int64]:
        """Log-likelihood less its training mean, in 2**-12 octaves: (n, d) int8 or int16 -> (n,) int64."""
        half = 1 << (self.y_width - 1)
        total: npt.NDArray[np.int64] | None = None
        for factor, bias, shift, offset in zip(
            self.factors, self.biases, self.shifts, self.offsets, strict=True
        ):
            # Integers in float64: every sum here is below 2**53, so it is exact, and BLAS does it.
            sums = (q.astype(np.float64) @ factor.astype(np.float64)).astype(np.int64) + bias
            y = np.clip(sums >> int(shift), -half, half - 1)
            single = offset - (y * y).sum(axis=1)
            total = single if total is None else _log2_add(total, single)
        if total is None:
            raise ValueError("the mixture has no component")
        return total

    def score_q(self, q: IntArray) -> npt.NDArray[np.int32]:
        """Score quantized rows: (n, d) int8 or int16 -> (n,) int32."""
        octaves = np.abs(self.log_likelihood_q(q)).astype(np.uint64)
        return np.minimum((octaves * np.uint64(self.multiplier)) >> np.uint64(32), self.cap).astype(np.int32)

    def score(self, features: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Score rows of features: (n, d) -> (n,) float32; the cap where not finite."""
        return scaled_scores(self.score_q(self.quantize(features)), self.score_scale, features)

    def is_anomaly(self, features: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Decide on the integer score: (n, d) -> (n,) bool; true where not finite."""
        return decisions(self.score_q(self.quantize(features)), self.threshold_q, features)

    def save(self, path: Path) -> None:
        """Write ``model_int8.npz``: arrays and plain strings, never a pickle."""
        np.savez(
            path,
            format=FORMAT,
            kind="gmm",
            axes=self.axes,
            **self.inputs.parts(),
            factors=self.factors,
            biases=self.biases,
            shifts=self.shifts,
            offsets=self.offsets,
            y_width=self.y_width,
            cap=self.cap,
            multiplier=self.multiplier,
            score_scale=self.score_scale,
            threshold=self.threshold,
        )

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> IntegerGmm:
        """Make one from what ``save`` wrote."""
        inputs = InputScale.from_parts(parts)
        for name in ("y_width", "cap", "multiplier"):
            parts[name] = int(parts[name])
        for name in ("score_scale", "threshold"):
            parts[name] = float(parts[name])
        return cls(inputs=inputs, **parts)


def _log2_add(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """``log2(2**a + 2**b)`` in 2**-12 octaves."""
    rest = np.maximum(32768 - np.abs(a - b), 0)
    squared = (rest * rest) >> 15
    return np.asarray(np.maximum(a, b) + ((squared * squared) >> 18))


def _needed_range(model: GmmModel, log_weights: FloatArray, center: FloatArray) -> FloatArray:
    """Distance from the centre at which one axis alone makes a row anomalous, whatever the others do.

    A component's density at ``x_i`` is at most ``exp(log_weight - (x_i - mean_i)**2 / (2 covariance_ii))``.
    Inputs must reach that far: then a saturated input is an anomaly for certain. In standardised units, (d,).
    """
    least = model.ll_mean + np.log(model.scale).sum() - max(model.threshold, 0.0) * model.ll_std
    excess = np.maximum(log_weights + np.log(len(log_weights)) - least, 0.0)
    variances = np.diagonal(model.covariances, axis1=1, axis2=2)
    return np.asarray((np.abs(model.means - center) + np.sqrt(2.0 * variances * excess[:, None])).max(axis=0))


def _integer_factors(
    factors: FloatArray, input_range: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Factors of 16 bits and their shifts, such that no sum of a bias and products leaves 32 bits."""
    dims = factors.shape[1]
    rounded = np.zeros(factors.shape, dtype=np.int32)
    shifts = np.zeros(len(factors), dtype=np.int32)
    for k, factor in enumerate(factors):
        column = np.abs(factor).sum(axis=0).max()
        # Inputs and means lie within the range: bias and products together make no more than range times
        # column. Each factor rounds by half at most; 2**30 leaves room for the rounding term of the shift.
        room = min(32766.0 / np.abs(factor).max(), (2.0**30 / input_range - 0.5 * dims) / column)
        bits = int(np.clip(np.floor(np.log2(room)), _Y_FRACTION + 1, _Y_FRACTION + 30))
        rounded[k] = np.clip(np.rint(factor * 2.0**bits), -32767, 32767)
        shifts[k] = bits - _Y_FRACTION
    return rounded, shifts


def quantize_gmm(model: GmmModel, rows: FloatArray, *, bits: int, headroom: float) -> IntegerGmm:
    """Make the integer model.

    Parameters
    ----------
    model : GmmModel
    rows : (n, d) float64
        Training rows; their largest distance from the mixture's mean sets the range of each input.
    bits : {8, 16}
        Width of the inputs.
    headroom : float
        Range of an input, as a multiple of that distance. More where an input could otherwise saturate
        without the row being an anomaly.

    Raises
    ------
    numpy.linalg.LinAlgError
        A covariance is not positive definite.
    """
    width = input_width(bits)
    factors, log_weights = model.precision_factors()
    center = model.weights @ model.means
    variances = np.diagonal(model.covariances, axis1=1, axis2=2)
    spread = np.sqrt(model.weights @ (variances + (model.means - center) ** 2))
    largest = np.abs((rows - model.mean) / model.scale - center).max(axis=0, initial=0.0)
    # Rows that are all alike span nothing: one standard deviation of the mixture then.
    largest = np.maximum(largest, spread)
    reach = np.maximum(headroom * largest, 1.02 * _needed_range(model, log_weights, center))
    step = reach / (2 ** (width - 1) - 3)
    raw_center = center * model.scale + model.mean
    inputs = InputScale.from_steps(raw_center, model.scale * step, bits=bits, width=width)

    # y = (z - mean) @ factor, with y^2 in octaves and q in steps.
    per_step = (inputs.step / model.scale)[:, None] * factors * np.sqrt(0.5 / _LN2)
    integer_factors, shifts = _integer_factors(per_step, 2**width)
    positions = (model.means * model.scale + model.mean) / inputs.step + inputs.zero_point
    biases = np.exp2(shifts - 1.0)[:, None] - np.einsum("ki,kij->kj", positions, integer_factors)
    ll_mean = model.ll_mean + np.log(model.scale).sum()
    offsets = np.clip((log_weights - ll_mean) / _LN2 * 2.0**_L_FRACTION, -(2.0**28), 2.0**28)

    unit = 2.0**-_L_FRACTION * _LN2 / model.ll_std
    score_scale = max(float(2.0 ** (np.floor(np.log2(unit)) + 1)), _FINEST_SCORE)
    return IntegerGmm(
        axes=model.axes,
        inputs=inputs,
        factors=integer_factors,
        biases=np.rint(biases).astype(np.int32),
        shifts=shifts,
        offsets=np.rint(offsets).astype(np.int32),
        y_width=y_width(len(center)),
        cap=int(np.floor(SCORE_CAP / score_scale)),
        multiplier=int(min(np.rint(2.0**32 * unit / score_scale), 2**32 - 1)),
        score_scale=score_scale,
        threshold=model.threshold,
    )
