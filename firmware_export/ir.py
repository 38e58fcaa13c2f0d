"""What can be exported: the contract between the reader of a model and the writer of its C."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class InputsIr:
    """How features become integer inputs: ``saturate(round(x * reciprocal) + zero_point)``.

    Attributes
    ----------
    axes : (d,) uint16
        Which output of the signal processing each feature is.
    reciprocal : (d,) float32
        Input steps per unit of the feature.
    zero_point : (d,) int32
    bits : {8, 16}
        Width of an input in memory.
    width : int
        Bits of an input that are used.
    """

    axes: npt.NDArray[np.uint16]
    reciprocal: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int32]
    bits: int
    width: int

    @property
    def length(self) -> int:
        """Number of features."""
        return int(self.reciprocal.size)


@dataclass(frozen=True)
class ScoreIr:
    """From integers to a score and a decision.

    Attributes
    ----------
    cap : int
        The cap, in the unit of the kernel.
    multiplier : int
        Fraction that brings the kernel's unit to ``scale``.
    scale : float
        What one step of the integer score is worth; a power of two.
    threshold : float
        A score at or above it is an anomaly.
    threshold_q : int
        The least integer score that is one.
    """

    cap: int
    multiplier: int
    scale: float
    threshold: float
    threshold_q: int


@dataclass(frozen=True)
class KMeansIr:
    """Clusters: distance in steps, less a radius.

    Attributes
    ----------
    inputs : InputsIr
    score : ScoreIr
    centroids : (k, d) int
        On the input grid, with ``centroid_fraction`` fraction bits; 16 bits.
    radii : (k,) int
        In steps with ``distance_fraction`` fraction bits.
    centroid_fraction, distance_fraction : int
    """

    inputs: InputsIr
    score: ScoreIr
    centroids: IntArray
    radii: IntArray
    centroid_fraction: int
    distance_fraction: int


@dataclass(frozen=True)
class GmmIr:
    """A Gaussian mixture: offsets less squared whitened distances, in octaves.

    Attributes
    ----------
    inputs : InputsIr
    score : ScoreIr
    factors : (k, d, d) int
        Upper triangular; 16 bits.
    biases : (k, d) int
    shifts, offsets : (k,) int
    y_width : int
        Bits at which a whitened coordinate saturates.
    """

    inputs: InputsIr
    score: ScoreIr
    factors: IntArray
    biases: IntArray
    shifts: IntArray
    offsets: IntArray
    y_width: int


AnomalyIr: TypeAlias = KMeansIr | GmmIr


@dataclass(frozen=True)
class TestVectors:
    """Rows and what the C must make of them.

    Attributes
    ----------
    features : (n, d) float32
        Finite.
    inputs : (n, d) int8 or int16
    score_q : (n,) int32
    anomaly : (n,) bool
    """

    __test__ = False  # not a test case, whatever its name starts with

    features: npt.NDArray[np.float32]
    inputs: IntArray
    score_q: npt.NDArray[np.int32]
    anomaly: npt.NDArray[np.bool_]
