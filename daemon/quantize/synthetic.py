"""Rows that are no training rows: what an anomaly model is tried on where nobody has labelled any."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def _spread(rows: FloatArray, constant: FloatArray | float) -> FloatArray:
    """Standard deviation of each column; what is said where it is constant."""
    # The mean of equal numbers may round, their deviation is then not quite 0: only the range is exact.
    return np.where(np.ptp(rows, axis=0) > 0.0, rows.std(axis=0), constant)


def synthetic_anomalies(
    rows: FloatArray, count: int, rng: np.random.Generator, *, constant: FloatArray | float = 1.0
) -> FloatArray:
    """Rows a little or clearly wrong, three sorts in equal parts.

    One feature moved by 3 to 8 standard deviations; all features moved by noise of 1 to 3; each feature taken
    from another row, which keeps every distribution and breaks what they have to do with each other.

    Parameters
    ----------
    rows : (n, d) float64
        Normal rows.
    count : int
        How many.
    rng : numpy.random.Generator
    constant : (d,) float64 or float
        What stands for the standard deviation of a column that is constant.

    Returns
    -------
    (count, d) float64
    """
    spread = _spread(rows, constant)
    made: FloatArray = rows[rng.integers(0, len(rows), count)].copy()
    one, noisy, mixed = np.array_split(np.arange(count), 3)
    axis = rng.integers(0, rows.shape[1], one.size)
    made[one, axis] += rng.choice([-1.0, 1.0], one.size) * rng.uniform(3.0, 8.0, one.size) * spread[axis]
    noise = rng.normal(size=(noisy.size, rows.shape[1])) * rng.uniform(1.0, 3.0, (noisy.size, 1))
    made[noisy] += noise * spread
    made[mixed] = rows[rng.integers(0, len(rows), (mixed.size, rows.shape[1])), np.arange(rows.shape[1])]
    return made


def far_rows(rows: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Rows with one feature 100 to 1000 standard deviations off, or units if constant: (count, d) float64."""
    made: FloatArray = rows[rng.integers(0, len(rows), count)].copy()
    axis = np.arange(count) % rows.shape[1]
    distance = rng.uniform(100.0, 1000.0, count) * _spread(rows, 1.0)[axis]
    made[np.arange(count), axis] += rng.choice([-1.0, 1.0], count) * distance
    return made
