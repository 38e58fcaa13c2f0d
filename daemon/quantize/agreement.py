"""How far two scorings of the same rows agree. NumPy only: the gate must not wait for scikit-learn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def ranks(scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Ranks from 1, equal scores sharing the mean of theirs: (n,) -> (n,) float64."""
    _, place, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[place.reshape(-1)])


def roc_auc(scores: npt.ArrayLike, positive: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive row scores higher; ties count half.

    Returns
    -------
    float
        NaN where one of the classes is empty.
    """
    hits, misses = int(positive.sum()), int((~positive).sum())
    if hits == 0 or misses == 0:
        return float("nan")
    return float((ranks(scores)[positive].sum() - hits * (hits + 1) / 2.0) / (hits * misses))


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's rank correlation; 1 where neither scoring tells any rows apart, 0 where only one does."""
    rank_a, rank_b = ranks(a), ranks(b)
    deviation_a, deviation_b = rank_a - rank_a.mean(), rank_b - rank_b.mean()
    norm_a, norm_b = np.linalg.norm(deviation_a), np.linalg.norm(deviation_b)
    if norm_a == 0.0 or norm_b == 0.0:
        return float(norm_a == norm_b)
    return float(deviation_a @ deviation_b / (norm_a * norm_b))
