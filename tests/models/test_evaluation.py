"""Figures against scikit-learn's, and what they say where there are no rows to tell."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from daemon.models.evaluation import Judge, KnownRows, evaluate, percentiles, roc_auc, suggest_threshold

NONE = np.empty((0, 1), np.float32)


@pytest.mark.parametrize("levels", [3, 1000])
def test_roc_auc_is_scikit_learns_ties_included(levels: int) -> None:
    random = np.random.default_rng(levels)
    normal, anomalous = random.integers(levels, size=200), random.integers(levels, size=50) + levels // 3
    wanted = roc_auc_score([0] * 200 + [1] * 50, np.concatenate([normal, anomalous]))
    assert roc_auc(normal.astype(float), anomalous.astype(float)) == pytest.approx(wanted)


def test_the_suggested_threshold_has_a_floor() -> None:
    assert suggest_threshold(np.linspace(0, 1, 101)) == pytest.approx(0.99)
    assert suggest_threshold(np.full(50, -3.0)) == 0.1


def test_percentiles_are_named_by_percentage() -> None:
    assert percentiles(np.arange(101.0))["95"] == 95.0


def column(*values: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(values, np.float32)[:, None]


def above(threshold: float) -> Judge:
    return lambda rows: (rows[:, 0].astype(float), rows[:, 0] >= threshold)


def test_figures_of_known_rows() -> None:
    known = KnownRows(column(0, 0, 0, 9), column(0, 2, 0, 9), column(9, 8, 0, 0), column(9, 9))
    figures = evaluate(above(5), known)
    assert figures == {
        "trainingFlagged": 0.25,
        "syntheticFound": 1.0,
        "rocAucSynthetic": 7 / 8,
        "normalFlagged": 0.25,
        "anomaliesFound": 0.5,
        "balancedAccuracy": 0.625,
        "rocAuc": roc_auc(np.array([0, 2, 0, 9.0]), np.array([9, 8, 0, 0.0])),
    }


def test_what_cannot_be_told_is_left_out() -> None:
    figures = evaluate(above(5), KnownRows(column(0, 0), NONE, NONE, column(9)))
    assert figures == {"trainingFlagged": 0.0, "syntheticFound": 1.0, "rocAucSynthetic": 1.0}
