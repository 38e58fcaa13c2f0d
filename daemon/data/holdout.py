"""Normal rows to judge an integer model by.

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


@dataclass(frozen=True)
class HeldOut:
    """Normal rows for choosing and judging integer scales, of shape (n, d), float32, selected axes.

    Parameters
    ----------
    calibration : ndarray
        Training rows that the integer scales are chosen from.
    normal : ndarray
        Rows that are not among them.
    source : str
        Where `normal` comes from: ``testing``, ``training`` or ``testing and training``.
    """

    calibration: FloatRows
    normal: FloatRows
    source: str


def hold_out(train: FloatRows, testing: FloatRows) -> HeldOut:
    """Choose the rows to quantize by and to judge by.

    Parameters
    ----------
    train : ndarray, shape (n, d), float32
        Training rows, two or more.
    testing : ndarray, shape (m, d), float32
        Normal rows of the category ``testing``; may be empty.

    Returns
    -------
    HeldOut
        The same for the same arguments.
    """
    if len(testing) >= ENOUGH_ROWS:
        return HeldOut(train, testing, "testing")
    aside = np.arange(len(train)) % _EVERY == _EVERY - 1
    # Of a handful of rows none can be spared: they judge what they were quantized by.
    kept, judged = (train[~aside], train[aside]) if len(train) >= 2 * _EVERY else (train, train)
    source = "testing and training" if len(testing) else "training"
    return HeldOut(kept, np.concatenate([testing, judged]), source)
