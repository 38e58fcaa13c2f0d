"""What was imported comes back as arrays, whole and in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from daemon.data.dataset import cut_windows, load_dataset
from daemon.data.index import Column, DataIndex, Recording, pack
from daemon.database import Database
from daemon.errors import DatasetError

COLUMNS = [Column("x", "m/s2"), Column("y", "g")]


def store(path: Path, recordings: Sequence[tuple[str, Recording]], project_id: int = 1) -> None:
    database = Database(path)
    database.open()
    with database.transaction():
        for category, recording in recordings:
            DataIndex(database).add(project_id, category, recording)
    database.close()


def table(rows: list[list[float]], labels: list[str] | None = None) -> Recording:
    return Recording(COLUMNS, 0, pack(rows), name="table.csv", labels=labels)


def series(rows: list[list[float]], label: str | None = None) -> Recording:
    return Recording(COLUMNS, 10, pack(rows), name="series.csv", label=label)


def test_a_feature_table_comes_back(tmp_path: Path) -> None:
    store(
        tmp_path / "db", [("training", table([[1, 2], [0.1, -4]], ["a", "b"])), ("testing", table([[5, 6]]))]
    )
    dataset = load_dataset(tmp_path / "db", 1)
    assert dataset.columns == COLUMNS
    (training,) = dataset.of("training")
    assert training.values.dtype == np.float32
    assert training.values.tolist() == np.array([[1, 2], [0.1, -4]], np.float32).tolist()
    assert training.labels == ("a", "b")
    assert not training.is_series
    assert dataset.of("testing")[0].labels == (None,)
    assert dataset.of("anomaly") == []


def test_a_time_series_has_one_label(tmp_path: Path) -> None:
    store(tmp_path / "db", [("training", series([[1, 2], [3, 4], [5, 6]], "idle"))])
    (samples,) = load_dataset(tmp_path / "db", 1).samples
    assert samples.is_series
    assert samples.labels == ("idle",)
    assert samples.place(2) == "row 2 (from 0) of 'series.csv'"


def test_the_digest_is_that_of_the_data_and_of_nothing_else(tmp_path: Path) -> None:
    def digest(*recordings: tuple[str, Recording], project_id: int = 1) -> str:
        path = tmp_path / f"db{len(list(tmp_path.iterdir()))}"
        # Other projects shift the ids; the digest must not see them.
        store(path, [("training", table([[9, 9]]))], 99)
        store(path, recordings, project_id)
        return load_dataset(path, project_id).digest

    rows = table([[1, 2], [3, 4]])
    one = digest(("training", rows))
    assert one == digest(("training", rows), project_id=2)
    assert len(one) == 64
    others = [
        digest(("testing", rows)),
        digest(("training", table([[1, 2], [3, 5]]))),
        digest(("training", table([[1, 2], [3, 4]], ["a", "a"]))),
        digest(("training", series([[1, 2], [3, 4]]))),
        digest(("training", rows), ("training", rows)),
    ]
    assert len({one, *others}) == 6


def test_a_project_without_data_is_told(tmp_path: Path) -> None:
    store(tmp_path / "db", [("training", table([[1, 2]]))])
    with pytest.raises(DatasetError, match="project 2 holds no data"):
        load_dataset(tmp_path / "db", 2)


def test_damaged_values_are_told(tmp_path: Path) -> None:
    store(tmp_path / "db", [("training", table([[1, 2]]))])
    database = Database(tmp_path / "db")
    database.open()
    database.connection.execute("UPDATE recording SET data = ?", (pack([[1, 3]]),))
    database.close()
    with pytest.raises(DatasetError, match=r"sample 1 \('table.csv'\) differ from their SHA-256"):
        load_dataset(tmp_path / "db", 1)


def test_reading_leaves_the_database_alone(tmp_path: Path) -> None:
    store(tmp_path / "db", [("training", table([[1, 2]]))])
    before = (tmp_path / "db").read_bytes()
    load_dataset(tmp_path / "db", 1)
    assert (tmp_path / "db").read_bytes() == before


@pytest.mark.parametrize(
    ("size", "step", "starts"),
    [(2, 2, [0, 2]), (2, 1, [0, 1, 2, 3]), (3, 2, [0, 2]), (5, 5, [0]), (6, 1, []), (2, 3, [0, 3])],
)
def test_windows_drop_the_remainder(size: int, step: int, starts: list[int]) -> None:
    values = np.arange(10, dtype=np.float32).reshape(5, 2)
    windows = cut_windows(values, size, step)
    assert windows.shape == (len(starts), size, 2)
    for window, start in zip(windows, starts, strict=True):
        assert np.array_equal(window, values[start : start + size])
