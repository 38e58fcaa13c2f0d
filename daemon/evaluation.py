"""Figures of a scorer: what it flags, and how well it ranks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.models.thresholds import THRESHOLD_FLOOR
from daemon.quantize.agreement import roc_auc

Scores = npt.NDArray[np.floating[Any]]
FloatRows = npt.NDArray[np.float32]
Judge = Callable[[FloatRows], tuple[Scores, npt.NDArray[np.bool_]]]

#: Percentile of the training scores that becomes the suggested threshold.
SUGGESTED_PERCENTILE = 99

#: Share of the training rows that a suggested threshold flags at most, and how much rounding it allows for,
#: as a share of the score.
MOST_FLAGGED = 0.02
ROUNDING = 0.005


@dataclass(frozen=True)
class KnownRows:
    """Rows of which it is known what they are; all of shape (n, d), float32, selected axes.

    Parameters
    ----------
    training : ndarray
        All training rows.
    normal : ndarray
        Normal rows outside ``training``; may be empty.
    anomalous : ndarray
        Recorded anomalies; may be empty.
    """

    training: FloatRows
    normal: FloatRows
    anomalous: FloatRows

    @property
    def outside(self) -> FloatRows:
        """Normal rows to compare with anomalies: those outside ``training`` where there are any."""
        return self.normal if len(self.normal) else self.training


def suggest_threshold(training_scores: Scores, error: float = 0.0) -> float:
    """The threshold that training scores suggest: their 99th percentile, 0.1 at least.

    Where scores crowd at the percentile so closely that the rounding of an integer model could flag more
    than 2 % of the rows, it lies just above the crowd. That happens where rows are few: a mixture that knows
    them by heart gives many the same score, and of 30 rows one alone is more than 2 %.

    Parameters
    ----------
    training_scores : ndarray, shape (n,)
        Float scores of all training rows.
    error : float
        How far off the scores of an integer model may be, where that is more than its rounding.
    """
    percentile = float(np.percentile(training_scores, SUGGESTED_PERCENTILE))
    descending = np.sort(training_scores)[::-1]
    # The largest score that must stay below the threshold, with room for rounding.
    highest = float(descending[int(MOST_FLAGGED * len(descending))])
    room = max(ROUNDING * abs(highest), error)
    if highest + room >= percentile:
        percentile = max(percentile, highest + room)
    return max(THRESHOLD_FLOOR, percentile)


def evaluate(judge: Judge, rows: KnownRows, synthetic: FloatRows) -> dict[str, float]:
    """Figures of one variant of a model.

    Parameters
    ----------
    judge : callable
        Rows (n, d) to their scores (n,) and whether each is an anomaly (n,).
    rows : KnownRows
        Rows to judge by.
    synthetic : ndarray, shape (s, d), float32
        Made anomalies.

    Returns
    -------
    dict of str to float
        ``trainingFlagged``, ``syntheticFound``, ``rocAucSynthetic`` always (against the normal rows outside
        ``training`` where there are any, else the training rows); ``normalFlagged``, ``anomaliesFound``,
        ``balancedAccuracy`` and ``rocAuc`` where there are rows to tell. Shares are 0..1.
    """
    training_scores, training_flagged = judge(rows.training)
    normal_scores, normal_flagged = (
        judge(rows.normal) if len(rows.normal) else (training_scores, training_flagged)
    )
    synthetic_scores, synthetic_found = judge(synthetic)
    figures = {
        "trainingFlagged": float(training_flagged.mean()),
        "syntheticFound": float(synthetic_found.mean()),
        "rocAucSynthetic": _roc_auc(normal_scores, synthetic_scores),
    }
    if len(rows.normal):
        figures["normalFlagged"] = float(normal_flagged.mean())
    if len(rows.anomalous):
        scores, found = judge(rows.anomalous)
        figures["anomaliesFound"] = float(found.mean())
        figures["balancedAccuracy"] = float((found.mean() + 1 - normal_flagged.mean()) / 2)
        figures["rocAuc"] = _roc_auc(normal_scores, scores)
    return figures


def _roc_auc(normal: Scores, anomalous: Scores) -> float:
    scores = np.concatenate([normal, anomalous])
    return roc_auc(scores, np.arange(len(scores)) >= len(normal))
