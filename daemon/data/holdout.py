"""Rows to judge an integer model by: normal ones that took no part in quantizing, and anomalies.

The fit uses all training rows. What is held out is held out from choosing the integer scales, and is
judged against the float model: testing rows where the project has them, otherwise a part of the
training rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatRows = npt.NDArray[np.float32]

#: Labels that mark a row outside ``training`` as an anomaly: Edge Impulse's ``AnomalyLabelsConfig``.
ANOMALY_LABELS = ("anomaly",)

#: Testing rows that are enough to judge by; with fewer, every fifth training row judges too.
ENOUGH_ROWS = 50
_EVERY = 5

#: Rows of one kind that are judged at most: more would cost time and change nothing.
MOST_ROWS = 1000


@dataclass(frozen=True)
class Judging:
    """Rows for choosing and judging integer scales; all of shape (n, d), float32, selected axes.

    Parameters
    ----------
    calibration : ndarray
        Training rows that the integer scales are chosen from.
    normal : ndarray
        Normal rows that are not among them.
    synthetic : ndarray
        Made anomalies.
    labelled : ndarray
        Recorded anomalies; may be empty.
    source : str
        Where `normal` comes from: ``testing``, ``training`` or ``testing and training``.
    """

    calibration: FloatRows
    normal: FloatRows
    synthetic: FloatRows
    labelled: FloatRows
    source: str


def hold_out(train: FloatRows, testing: FloatRows, labelled: FloatRows, seed: int) -> Judging:
    """Choose the rows to quantize by and to judge by.

    Parameters
    ----------
    train : ndarray, shape (n, d), float32
        Training rows, two or more.
    testing : ndarray, shape (m, d), float32
        Normal rows of the category ``testing``; may be empty.
    labelled : ndarray, shape (a, d), float32
        Rows known to be anomalies; may be empty.
    seed : int
        Seed of the synthetic anomalies.

    Returns
    -------
    Judging
        The same for the same arguments.
    """
    calibration, normal, source = train, testing, "testing"
    if len(testing) < ENOUGH_ROWS:
        aside = np.arange(len(train)) % _EVERY == _EVERY - 1
        # Of a handful of rows none can be spared: they judge what they were quantized by.
        kept, judged = (train[~aside], train[aside]) if len(train) >= 2 * _EVERY else (train, train)
        calibration, normal = kept, np.concatenate([testing, judged])
        source = "testing and training" if len(testing) else "training"
    normal = thin_out(normal, MOST_ROWS)
    return Judging(
        calibration, normal, synthesize_anomalies(train, normal, seed), thin_out(labelled, MOST_ROWS), source
    )


def thin_out(rows: FloatRows, most: int) -> FloatRows:
    """At most `most` rows, evenly spread over all of them."""
    if len(rows) <= most:
        return rows
    chosen: FloatRows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    return chosen


def synthesize_anomalies(train: FloatRows, normal: FloatRows, seed: int) -> FloatRows:
    """Make rows that are off in a known way.

    Half of them lie anywhere in the box of the training rows widened by half its size on each side;
    the other half are normal rows of which one axis is moved by 3 to 10 standard deviations.

    Parameters
    ----------
    train : ndarray, shape (n, d), float32
        Training rows.
    normal : ndarray, shape (m, d), float32
        Normal rows to start from, one or more.
    seed : int
        The same seed gives the same rows.

    Returns
    -------
    ndarray, shape (max(m, 200), d), float32
    """
    random = np.random.Generator(np.random.PCG64(seed))
    count = max(len(normal), 200)
    low, high = train.min(axis=0).astype(float), train.max(axis=0).astype(float)
    size = np.where(high > low, high - low, 1.0)
    anywhere = random.uniform(low - size / 2, high + size / 2, (count // 2, train.shape[1]))
    moved = normal[random.integers(len(normal), size=count - len(anywhere))].astype(float)
    axis = random.integers(train.shape[1], size=len(moved))
    deviation = train.std(axis=0, dtype=float)
    step = np.where(deviation > 0, deviation, 1.0)[axis] * random.uniform(3, 10, len(moved))
    moved[np.arange(len(moved)), axis] += step * random.choice([-1.0, 1.0], len(moved))
    made: FloatRows = np.concatenate([anywhere, moved]).astype(np.float32)
    return made
