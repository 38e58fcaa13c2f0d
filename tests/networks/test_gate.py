"""The gate of networks tells what int8 costs, and lets through what costs little."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.networks.gate import Bounds, compare
from daemon.networks.scores import Answers

CLASSES = ("circle", "idle", "wave")


def _classifier(rows: int, wrong: int) -> Answers:
    """Answers of which the last `wrong` are so."""
    wanted = np.eye(3, dtype=np.float32)[np.arange(rows) % 3]
    given = wanted.copy()
    given[rows - wrong :] = np.roll(given[rows - wrong :], 1, axis=1)
    return Answers(given, wanted)


def _regression(error: float) -> Answers:
    wanted = np.linspace(-3, 7, 50, dtype=np.float32)[:, None]
    return Answers(wanted + np.float32(error) * (-1) ** np.arange(50, dtype=np.float32)[:, None], wanted)


@pytest.mark.parametrize(
    ("rows", "lost", "passes"),
    [
        (1000, 10, True),
        (1000, 11, False),
        (100, 1, True),
        (100, 2, False),
        # One row is the least that can be lost.
        (30, 1, True),
        (30, 2, False),
        (30, 0, True),
    ],
)
def test_a_classifier_may_lose_a_hundredth_of_its_rows(rows: int, lost: int, *, passes: bool) -> None:
    report = compare(
        {"validation": _classifier(rows, 5)}, {"validation": _classifier(rows, 5 + lost)}, CLASSES, Bounds()
    )
    assert report.passed is passes
    assert report.comparisons[0].loss == pytest.approx(lost / rows)


def test_every_side_counts_for_itself() -> None:
    floats = {"validation": _classifier(200, 5), "testing": _classifier(300, 10)}
    integers = {"validation": _classifier(200, 2), "testing": _classifier(300, 20)}
    report = compare(floats, integers, CLASSES, Bounds())
    assert [one.passed for one in report.comparisons] == [True, False]
    assert not report.passed
    assert report.failure() == (
        "accuracy 0.9333 instead of 0.9667 on the 300 testing rows (0.0100 less at most)"
    )
    assert compare(floats, integers, CLASSES, Bounds(accuracy=0.04)).passed


@pytest.mark.parametrize(("error", "passes"), [(0.1, True), (0.2, True), (0.5, False)])
def test_a_regression_may_lose_a_hundredth_of_its_r2(error: float, *, passes: bool) -> None:
    report = compare({"validation": _regression(0)}, {"validation": _regression(error)}, (), Bounds())
    assert report.passed is passes
    judged = report.comparisons[0].figures[0]
    assert (judged.name, judged.float32) == ("r2", 1.0)
    # Variance of 50 evenly spread values between -3 and 7.
    assert judged.int8 == pytest.approx(1 - error**2 / (100 * (50 + 1) / (12 * (50 - 1))), abs=1e-6)


def test_the_table_shows_each_class_of_each_side_side_by_side() -> None:
    report = compare(
        {"validation": _classifier(30, 3)}, {"validation": _classifier(30, 6)}, CLASSES, Bounds()
    )
    assert report.table() == [
        "validation, 30 rows              float32     int8     loss  allowed",
        "accuracy                          0.9000   0.8000  +0.1000   0.0333",
        "recall of circle                  0.9000   0.8000  +0.1000",
        "recall of idle                    0.9000   0.8000  +0.1000",
        "recall of wave                    0.9000   0.8000  +0.1000",
    ]
    told = report.as_dict()
    assert not told["passed"]
    assert told["comparisons"][0]["figures"][1] == {"name": "recall of circle", "float32": 0.9, "int8": 0.8}
