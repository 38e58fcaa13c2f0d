"""Rows to judge by: held out, made, and the same every time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from daemon.data.holdout import MOST_ROWS, hold_out, synthesize_anomalies, thin_out

Rows = npt.NDArray[np.float32]
NONE = np.empty((0, 2), np.float32)


def rows(count: int, start: int = 0) -> Rows:
    return np.arange(start, start + 2 * count, dtype=np.float32).reshape(count, 2)


def test_enough_testing_rows_judge_alone() -> None:
    judging = hold_out(rows(100), rows(60, 1000), NONE, 3)
    assert judging.source == "testing"
    assert np.array_equal(judging.calibration, rows(100))
    assert np.array_equal(judging.normal, rows(60, 1000))


@pytest.mark.parametrize(("testing", "source"), [(0, "training"), (7, "testing and training")])
def test_few_testing_rows_are_joined_by_every_fifth_training_row(testing: int, source: str) -> None:
    judging = hold_out(rows(100), rows(testing, 1000), NONE, 3)
    assert judging.source == source
    assert len(judging.calibration) == 80
    assert len(judging.normal) == 20 + testing
    kept = {tuple(row) for row in judging.calibration}
    assert not any(tuple(row) in kept for row in judging.normal)


def test_of_a_handful_of_rows_none_is_spared() -> None:
    judging = hold_out(rows(4), NONE, NONE, 3)
    assert np.array_equal(judging.calibration, rows(4))
    assert np.array_equal(judging.normal, rows(4))


def test_the_number_of_rows_is_bounded() -> None:
    judging = hold_out(rows(20000), NONE, rows(5000), 3)
    assert len(judging.normal) == len(judging.labelled) == len(judging.synthetic) == MOST_ROWS
    assert np.array_equal(thin_out(rows(5000), 1000)[[0, -1]], rows(5000)[[0, -1]])


def test_made_anomalies_are_the_same_every_time_and_leave_the_rows() -> None:
    random = np.random.default_rng(1)
    train = random.normal(size=(500, 3)).astype(np.float32)
    made = synthesize_anomalies(train, train[:100], 3)
    assert made.dtype == np.float32
    assert np.array_equal(made, synthesize_anomalies(train, train[:100], 3))
    assert not np.array_equal(made, synthesize_anomalies(train, train[:100], 4))
    assert np.abs(made).max(axis=1).mean() > 2 * np.abs(train).max(axis=1).mean()


def test_anomalies_can_be_made_of_constant_columns() -> None:
    train = np.full((10, 2), 5, np.float32)
    made = synthesize_anomalies(train, train, 3)
    assert np.isfinite(made).all()
    assert (made != 5).any(axis=1).all()
