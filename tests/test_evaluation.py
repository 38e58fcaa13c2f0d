"""Figures of known rows, and what they say where there are no rows to tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from daemon.evaluation import Judge, KnownRows, evaluate, suggest_threshold

NONE = np.empty((0, 1), np.float32)


def test_the_suggested_threshold_is_the_99th_percentile_with_a_floor() -> None:
    assert suggest_threshold(np.linspace(0, 1, 101)) == pytest.approx(0.99)
    assert suggest_threshold(np.full(50, -3.0)) == 0.1
    scores = np.random.default_rng(0).exponential(size=5000)
    assert suggest_threshold(scores) == np.percentile(scores, 99)


@pytest.mark.parametrize(
    "scores",
    [
        np.arange(1.0, 21.0),
        np.concatenate([np.linspace(0, 1, 195), np.linspace(1.9999, 2, 5)]),
        np.full(100, 2.0),
    ],
    ids=["twenty rows", "a crowd at the top", "all alike"],
)
def test_the_suggested_threshold_keeps_off_a_crowd(scores: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    rounded_up = scores * 1.004
    assert np.mean(rounded_up >= suggest_threshold(scores)) <= 0.02


def test_the_suggested_threshold_leaves_room_for_a_known_error() -> None:
    scores = np.linspace(0, 1, 9)
    assert suggest_threshold(scores, 0.25) == 1.25
    assert suggest_threshold(np.linspace(0, 1, 1001), 1e-3) == pytest.approx(0.99)


def column(*values: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(values, np.float32)[:, None]


def above(threshold: float) -> Judge:
    return lambda rows: (rows[:, 0].astype(float), rows[:, 0] >= threshold)


def test_figures_of_known_rows() -> None:
    known = KnownRows(column(0, 0, 0, 9), column(0, 2, 0, 9), column(9, 8, 0, 0))
    figures = evaluate(above(5), known, column(9, 9))
    assert figures == {
        "trainingFlagged": 0.25,
        "syntheticFound": 1.0,
        "rocAucSynthetic": 7 / 8,
        "normalFlagged": 0.25,
        "anomaliesFound": 0.5,
        "balancedAccuracy": 0.625,
        "rocAuc": (3.5 + 3 + 1 + 1) / 16,
    }


def test_what_cannot_be_told_is_left_out() -> None:
    figures = evaluate(above(5), KnownRows(column(0, 0), NONE, NONE), column(9))
    assert figures == {"trainingFlagged": 0.0, "syntheticFound": 1.0, "rocAucSynthetic": 1.0}
