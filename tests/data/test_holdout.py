"""Rows to judge by: held out, and the same every time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from daemon.data.holdout import hold_out


def rows(count: int, start: int = 0) -> npt.NDArray[np.float32]:
    return np.arange(start, start + 2 * count, dtype=np.float32).reshape(count, 2)


def test_enough_testing_rows_judge_alone() -> None:
    held_out = hold_out(rows(100), rows(60, 1000))
    assert held_out.source == "testing"
    assert np.array_equal(held_out.calibration, rows(100))
    assert np.array_equal(held_out.normal, rows(60, 1000))


@pytest.mark.parametrize(("testing", "source"), [(0, "training"), (7, "testing and training")])
def test_few_testing_rows_are_joined_by_every_fifth_training_row(testing: int, source: str) -> None:
    held_out = hold_out(rows(100), rows(testing, 1000))
    assert held_out.source == source
    assert len(held_out.calibration) == 80
    assert len(held_out.normal) == 20 + testing
    kept = {tuple(row) for row in held_out.calibration}
    assert not any(tuple(row) in kept for row in held_out.normal)


def test_of_a_handful_of_rows_none_is_spared() -> None:
    held_out = hold_out(rows(4), rows(0))
    assert np.array_equal(held_out.calibration, rows(4))
    assert np.array_equal(held_out.normal, rows(4))
