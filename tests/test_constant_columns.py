"""Features that are constant in training: every model trains, passes the gate and notices a later move."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.data.index import Column
from daemon.models import anomaly
from daemon.quantize.anomaly import load
from daemon.quantize.synthetic import far_rows, synthetic_anomalies
from daemon.trainers.table import TRAINERS
from tests.test_pipeline import Plant
from tests.trainers.rows import Rows


def _rows(constants: list[float], moving: int, count: int = 100) -> Rows:
    """Columns that vary, then columns that do not: float32."""
    random = np.random.default_rng(1)
    varying = random.normal(np.arange(moving), np.arange(1, moving + 1), (count, moving))
    made: Rows = np.column_stack([varying, np.tile(constants, (count, 1))]).astype(np.float32)
    return made


@pytest.mark.parametrize("kind", TRAINERS)
@pytest.mark.parametrize("limit", [None, 2.5], ids=["suggested threshold", "set threshold"])
@pytest.mark.parametrize(
    ("moving", "constants"),
    [(2, [5.0]), (2, [0.1]), (2, [5.0, -300.0]), (1, [0.0]), (0, [5.0])],
    ids=["one", "a mean that rounds", "two", "beside one axis", "nothing else"],
)
def test_a_constant_column_passes_the_gate_and_counts_when_it_moves(
    tmp_path: Path, kind: str, limit: float | None, moving: int, constants: list[float]
) -> None:
    plant = Plant(tmp_path, [Column(f"c{index}") for index in range(moving + len(constants))])
    rows = _rows(constants, moving)
    plant.add("training", rows)
    request: dict[str, Any] = {"clusterCount": 4 if moving else 1}
    if limit is not None:
        request["thresholds"] = [{"key": "min_anomaly_score", "value": limit}]
    directory, manifest = plant.train(kind, request=request)
    assert manifest["gate"]["passed"]
    warned = [warning for warning in manifest["warnings"] if "is constant" in warning]
    assert len(warned) == len(constants)
    model, integer = anomaly.load(directory / "model.npz"), load(directory / "model_int8.npz")
    for axis in range(moving, rows.shape[1]):
        assert model.scale[axis] == 1.0
        for move in (8.0, -20.0, 100.0, -1000.0):
            moved = rows.copy()
            moved[:, axis] += move
            assert (model.score(moved) >= model.threshold).all()
            assert integer.is_anomaly(moved).all()


def test_made_anomalies_move_a_constant_column_by_what_is_said() -> None:
    rows = _rows([0.1, 5.0], 2).astype(np.float64)
    made = synthetic_anomalies(rows, 300, np.random.default_rng(0), constant=np.array([9.0, 9.0, 0.5, 0.0]))
    moved = np.abs(made - rows[0])[:, 2:].max(axis=0)
    assert 1.5 < moved[0] <= 5.0
    assert moved[1] == 0.0


def test_far_rows_move_every_constant_column() -> None:
    rows = _rows([0.1, 5.0], 2).astype(np.float64)
    distance = np.abs(far_rows(rows, 64, np.random.default_rng(0)) - rows[0])[:, 2:].max(axis=1)
    assert (distance.reshape(-1, 4)[:, 2:] >= 100.0 - 1e-9).all()
