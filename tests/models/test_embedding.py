"""The drawing of the training rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from daemon.models.embedding import MOST_POINTS, embed


def test_it_is_a_principal_component_analysis() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 5)) @ np.diag([5, 3, 1, 0.5, 0.1])
    drawn = embed(rows, np.zeros(300), [None] * 300)
    plain = PCA(2).fit(rows)
    assert drawn["explainedVariance"] == pytest.approx(plain.explained_variance_ratio_)
    points = plain.transform(rows)
    for number, axis in enumerate("xy"):
        assert np.abs(drawn[axis]) == pytest.approx(np.abs(points[:, number]), abs=1e-5)
        assert max(drawn["components"][number], key=abs) > 0


def test_points_are_thinned_out_evenly() -> None:
    rows = np.arange(10000.0).reshape(5000, 2)
    drawn = embed(rows, np.arange(5000.0), [str(row) for row in range(5000)])
    assert len(drawn["x"]) == MOST_POINTS
    assert drawn["label"][0] == "0"
    assert drawn["label"][-1] == "4999"
    assert drawn["score"][-1] == 4999.0


@pytest.mark.parametrize("rows", [np.arange(6.0)[:, None], np.zeros((6, 3))])
def test_one_column_or_no_spread_still_draws(rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    drawn = embed(rows, np.zeros(6), [None] * 6)
    assert drawn["y"] == pytest.approx([0.0] * 6)
    assert np.isfinite(drawn["explainedVariance"]).all()
