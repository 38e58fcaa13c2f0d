"""K-means in integers: squared distances on a common grid, one square root a cluster.

All axes share one step in standardised space, so that a distance in steps is a distance in standard
deviations. The arithmetic, for inputs ``q``, with every number an integer that fits 32 bits whatever the
input is::

    n_k     = |q|^2 * 4**f + square_k - 2 q.c_k * 4**f    below 2**32: the inputs' width and f are chosen so
    s_k     = floor(sqrt(n_k))                            square_k = round(|c_k|^2 * 4**f) + 1
    best    = min(cap, min_k(s_k - radius_k))             |best| < 2**16
    score_q = floor(best * multiplier / 2**15)            multiplier < 2**15
    score   = score_q * score_scale                       a power of two: exact in float32
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.models.anomaly import SCORE_CAP, KMeansModel
from daemon.quantize.inputs import FloatArray, InputScale, IntArray, finest_step, finite_rows

FORMAT = 1


def input_width(dims: int, bits: int) -> int:
    """Bits of an input that are used: as many as keep a squared distance below 2**32."""
    if bits == 8:
        return 8
    return min(15, 16 - (((dims - 1).bit_length() + 1) // 2))


def distance_fraction(dims: int, width: int) -> int:
    """Fraction bits of a distance, f: as many as keep the radicand below 2**32."""
    largest: int = dims * ((1 << width) - 1) ** 2
    return (32 - largest.bit_length()) // 2


def centroid_fraction(dims: int, bits: int) -> int:
    """Fraction bits of a centroid: what 16 bits leave, and what keeps a product with inputs in 32 bits.

    Inputs have noise that centroids need not have: rounded to whole 8-bit steps they would shift the scores
    of a whole cluster.
    """
    return min(7, 17 - dims.bit_length()) if bits == 8 else 0


@dataclass(frozen=True)
class IntegerKMeans:
    """The integer model of a :class:`KMeansModel`; the generated C equals it bit for bit.

    Attributes
    ----------
    axes : (d,) uint16
        Which DSP outputs the features are.
    inputs : InputScale
        From features to ``q``.
    centroids : (k, d) int32
        On the input grid, with ``centroid_fraction`` fraction bits; they fit 16 bits.
    radii : (k,) int32
        In steps with ``distance_fraction`` fraction bits; zeros where plain distance is the score.
    centroid_fraction, distance_fraction : int
        Fraction bits.
    cap : int
        The cap of the score, in the same unit.
    multiplier : int
        15-bit fraction that brings a score to ``score_scale``.
    score_scale : float
        What one step of ``score_q`` is worth, in standard deviations; a power of two.
    threshold : float
        A score at or above it is an anomaly.
    """

    axes: npt.NDArray[np.uint16]
    inputs: InputScale
    centroids: npt.NDArray[np.int32]
    radii: npt.NDArray[np.int32]
    centroid_fraction: int
    distance_fraction: int
    cap: int
    multiplier: int
    score_scale: float
    threshold: float

    @property
    def threshold_q(self) -> int:
        """The least ``score_q`` that is an anomaly: exactly where ``score_q * score_scale >= threshold``."""
        return threshold_steps(self.threshold, self.score_scale)

    def with_threshold(self, threshold: float) -> IntegerKMeans:
        """The same model that decides elsewhere."""
        return replace(self, threshold=threshold)

    def quantize(self, features: npt.ArrayLike) -> IntArray:
        """See :meth:`InputScale.quantize`."""
        return self.inputs.quantize(features)

    def score_q(self, q: IntArray) -> npt.NDArray[np.int32]:
        """Score quantized rows: (n, d) int8 or int16 -> (n,) int32."""
        # Integers in float64: every number here is below 2**53, so each sum is exact, and BLAS does it.
        rows, centers = q.astype(np.float64), self.centroids.astype(np.float64)
        to_square = 4.0**self.distance_fraction
        squares = (
            np.rint((centers**2).sum(axis=1) * 4.0 ** (self.distance_fraction - self.centroid_fraction)) + 1.0
        )
        products = (rows @ centers.T) * (to_square * 2.0 ** (1 - self.centroid_fraction))
        squared = (rows**2).sum(axis=1)[:, None] * to_square + squares - products
        distance = np.floor(np.sqrt(squared)).astype(np.int64)
        best = np.minimum((distance - self.radii).min(axis=1), self.cap)
        return np.asarray((best * self.multiplier) >> 15, dtype=np.int32)

    def score(self, features: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Score rows of features: (n, d) -> (n,) float32, in standard deviations; not finite: the cap."""
        return scaled_scores(self.score_q(self.quantize(features)), self.score_scale, features)

    def is_anomaly(self, features: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Decide on the integer score: (n, d) -> (n,) bool; true where not finite."""
        return decisions(self.score_q(self.quantize(features)), self.threshold_q, features)

    def save(self, path: Path) -> None:
        """Write ``model_int8.npz``: arrays and plain strings, never a pickle."""
        np.savez(
            path,
            format=FORMAT,
            kind="kmeans",
            axes=self.axes,
            **self.inputs.parts(),
            centroids=self.centroids,
            radii=self.radii,
            centroid_fraction=self.centroid_fraction,
            distance_fraction=self.distance_fraction,
            cap=self.cap,
            multiplier=self.multiplier,
            score_scale=self.score_scale,
            threshold=self.threshold,
        )

    @classmethod
    def from_parts(cls, parts: dict[str, Any]) -> IntegerKMeans:
        """Make one from what ``save`` wrote."""
        inputs = InputScale.from_parts(parts)
        for name in ("centroid_fraction", "distance_fraction", "cap", "multiplier"):
            parts[name] = int(parts[name])
        for name in ("score_scale", "threshold"):
            parts[name] = float(parts[name])
        return cls(inputs=inputs, **parts)


def threshold_steps(threshold: float, score_scale: float) -> int:
    """The least int32 ``t`` with ``t * score_scale >= threshold``."""
    return int(np.clip(np.ceil(threshold / score_scale), -(2**31), 2**31 - 1))


def scaled_scores(
    score_q: npt.NDArray[np.int32], score_scale: float, features: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Scores in the unit of the float model, with the cap for rows that are not finite."""
    return np.where(
        finite_rows(features), score_q.astype(np.float32) * np.float32(score_scale), np.float32(SCORE_CAP)
    )


def decisions(
    score_q: npt.NDArray[np.int32], threshold_q: int, features: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    """Anomaly or not; rows that are not finite always are."""
    return np.asarray(~finite_rows(features) | (score_q >= threshold_q))


def _needed_range(model: KMeansModel, radii: FloatArray) -> float:
    """Distance from the origin at which one axis alone makes a row anomalous, whatever the others do.

    Inputs must reach that far: then a saturated input is an anomaly for certain.
    """
    reach = (np.abs(model.centroids).max(axis=1) + radii).max()
    return float(min(reach + max(model.threshold, 0.0), reach + SCORE_CAP))


def quantize_kmeans(model: KMeansModel, rows: FloatArray, *, bits: int, headroom: float) -> IntegerKMeans:
    """Make the integer model.

    Parameters
    ----------
    model : KMeansModel
    rows : (n, d) float64
        Training rows; their largest |z| sets the range of the inputs.
    bits : {8, 16}
        Width of the inputs.
    headroom : float
        Range of the inputs, as a multiple of the largest |z| of the training rows. More where an input could
        otherwise saturate without the row being an anomaly.
    """
    dims = model.mean.size
    width = input_width(dims, bits)
    radii = model.radii if model.scoring == "edge" else np.zeros_like(model.radii)
    # Rows that are all alike span nothing: one standard deviation then, which others reach anyway.
    largest = float(np.abs((rows - model.mean) / model.scale).max(initial=1.0))
    # 2 % and two steps more than needed: room for the rounding of inputs, centroids and radii.
    reach = max(headroom * largest, 1.02 * _needed_range(model, radii))
    step = reach / (2 ** (width - 1) - 3)
    # The step is common: a feature whose float32 is coarser coarsens all. One that never moved does not: it
    # alone gets coarser steps.
    moving = np.ptp(rows, axis=0) > 0.0
    step = max(step, float((finest_step(model.mean) / model.scale).max(where=moving, initial=0.0)))
    inputs = InputScale.from_steps(model.mean, model.scale * step, bits=bits, width=width)
    of_distance, of_centroid = distance_fraction(dims, width), centroid_fraction(dims, bits)
    unit = step * 2.0**-of_distance
    score_scale = float(2.0 ** (np.floor(np.log2(unit)) + 1))
    return IntegerKMeans(
        axes=model.axes,
        inputs=inputs,
        centroids=inputs.place(model.centroids * model.scale + model.mean, fraction=of_centroid),
        # Half a unit less: the square root is rounded down.
        radii=np.clip(np.rint(radii / unit - 0.5), 0, 2**16 - 1).astype(np.int32),
        centroid_fraction=of_centroid,
        distance_fraction=of_distance,
        cap=int(min(np.floor(SCORE_CAP / unit), 2**16 - 1)),
        multiplier=int(min(np.rint(2.0**15 * unit / score_scale), 2**15 - 1)),
        score_scale=score_scale,
        threshold=model.threshold,
    )
