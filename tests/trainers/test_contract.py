"""What every trainer in the table promises, checked for each of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from daemon.data.index import Column
from daemon.errors import DatasetError, TrainingError
from daemon.models.anomaly import SCORE_CAP
from daemon.models.thresholds import SCORE_CAP as NUMPY_FREE_CAP
from daemon.trainers.base import AnomalyTask, Fitted, load_trainer
from daemon.trainers.checks import check_rows, settle_cluster_count
from daemon.trainers.table import TRAINERS, TrainerEntry
from tests.trainers.rows import blobs

ENTRIES = pytest.mark.parametrize("entry", TRAINERS.values(), ids=list(TRAINERS))


def fit(
    entry: TrainerEntry, rows: npt.NDArray[np.float32], clusters: int = 3, seed: int = 3, **options: str
) -> Fitted:
    chosen = {name: options.get(name, values[0]) for name, values in entry.options.items()}
    axes = np.arange(rows.shape[1], dtype=np.uint16)
    return load_trainer(entry).fit(AnomalyTask(axes, rows.astype(float), clusters, chosen, seed))


def names(rows: npt.NDArray[np.float32]) -> list[Column]:
    return [Column(f"c{number}") for number in range(rows.shape[1])]


def place(row: int) -> str:
    return f"row {row} of test.csv"


@ENTRIES
def test_same_seed_gives_same_bytes(entry: TrainerEntry) -> None:
    rows = blobs()
    first, second = (fit(entry, rows).model for _ in range(2))
    for name, value in vars(first).items():
        assert np.array_equal(value, getattr(second, name)), name


@ENTRIES
def test_scores_are_finite_capped_and_rise_away_from_the_rows(entry: TrainerEntry) -> None:
    rows = blobs()
    model = fit(entry, rows).model
    scores = model.score(rows)
    assert scores.shape == (len(rows),)
    assert np.isfinite(scores).all()
    spread = rows.std(axis=0)
    near, far = (model.score(rows[:20] + step * spread) for step in (3.0, 30.0))
    assert (far > near).all()
    assert (model.score(rows[:5] + 1e9 * spread) == SCORE_CAP).all()
    assert NUMPY_FREE_CAP == SCORE_CAP


@ENTRIES
def test_rows_that_are_not_finite_score_as_the_cap(entry: TrainerEntry) -> None:
    rows = blobs()
    model = fit(entry, rows).model
    broken = rows[:3].copy()
    broken[0, 1], broken[1, 2] = np.nan, -np.inf
    assert (model.score(broken)[:2] == SCORE_CAP).all()
    assert model.score(broken)[2] == model.score(rows[2:3])[0]


@ENTRIES
def test_a_constant_column_trains_with_scale_1_and_counts_when_it_moves(entry: TrainerEntry) -> None:
    rows = blobs()
    rows[:, 2] = 7.5
    model = fit(entry, rows).model
    assert model.scale[2] == 1.0
    moved = rows[:10].copy()
    moved[:, 2] += 20
    assert (model.score(moved) > model.score(rows).max()).all()
    assert check_rows(rows, names(rows), place) == [
        (
            "column 'c2' is constant (7.5) in training: it is standardised with scale 1, "
            "any change of it later counts in its own unit"
        )
    ]


@ENTRIES
def test_duplicate_rows_are_fine(entry: TrainerEntry) -> None:
    rows = np.repeat(blobs(20), 10, axis=0)
    assert np.isfinite(fit(entry, rows).model.score(rows)).all()


@ENTRIES
def test_as_many_clusters_as_distinct_rows(entry: TrainerEntry) -> None:
    rows = np.repeat(blobs(5), 3, axis=0)
    assert settle_cluster_count(entry, 5, rows) == (5, [])
    assert np.isfinite(fit(entry, rows, clusters=5).model.score(rows)).all()
    with pytest.raises(TrainingError, match=r"^clusterCount: 6 .* the largest allowed value is 5 \(15 rows"):
        settle_cluster_count(entry, 6, rows)


@ENTRIES
def test_rows_all_alike_train_with_one_cluster(entry: TrainerEntry) -> None:
    rows = np.full((6, 2), 3.0, np.float32)
    model = fit(entry, rows, clusters=1).model
    assert model.score(rows) == pytest.approx(np.zeros(6))
    assert (model.score(rows + 100) > 10).all()


@ENTRIES
def test_the_default_count_falls_to_what_the_rows_allow(entry: TrainerEntry) -> None:
    count, warnings = settle_cluster_count(entry, None, blobs(9))
    assert count == 9
    assert warnings == ["clusterCount is 9, not 32: there are no more distinct rows"]
    assert settle_cluster_count(entry, None, blobs(200)) == (32, [])


def test_negative_zero_is_not_another_row() -> None:
    rows = np.array([[0.0], [-0.0], [1.0]], np.float32)
    with pytest.raises(TrainingError, match="largest allowed value is 2 "):
        settle_cluster_count(TRAINERS["anomaly"], 3, rows)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_are_refused(count: int) -> None:
    rows = blobs(4)[:count]
    with pytest.raises(DatasetError, match=f"^{count} training rows: at least 2"):
        check_rows(rows, names(rows), place)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_by_row_and_column(value: float) -> None:
    rows = blobs(10)
    rows[7, 2] = value
    with pytest.raises(DatasetError, match=r"column 'c2', row 7 of test.csv"):
        check_rows(rows, names(rows), place)


def test_the_table_says_what_is_missing() -> None:
    entry = TRAINERS["anomaly"]
    assert entry.missing() is None
    unknown = replace(entry, needs={"no_such_package": "no-such-distribution"})
    assert unknown.missing() == "no-such-distribution is not installed: pip install no-such-distribution"


def test_what_the_daemon_imports_of_trainers_and_dsp_needs_no_numpy() -> None:
    code = (
        "import sys, daemon.trainers.settings, daemon.trainers.keras.settings, daemon.trainers.table, "
        "daemon.dsp.outputs, daemon.models.manifest; sys.exit('numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
