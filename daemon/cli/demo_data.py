"""The demo's rows: normal ones to train on, labelled ones to test with."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from daemon.cli.tables import Options, TableError, is_number, read

#: Share of the normal rows that is trained on.
_TRAINING_SHARE = 0.6
_SEED = 0

#: Names of a label column, and labels of normal rows, that are understood in a user's own file.
LABEL_COLUMNS = ("label", "anomaly", "is_anomaly")
NORMAL_LABELS = frozenset({"", "0", "0.0", "false", "normal", "ok", "good", "benign"})

#: Column of the labels in the file of testing rows.
TESTING_LABEL_COLUMN = "trainerd_label"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DemoData:
    """Rows for the demo.

    Parameters
    ----------
    name : str
        What they are.
    columns : tuple of str
        Names of the features.
    training : ndarray of float32, shape (n, columns)
        Normal rows.
    testing : ndarray of float32, shape (m, columns)
        Other rows.
    anomalous : ndarray of bool, shape (m,)
        Which of those are anomalies; none where nothing is labelled.
    """

    name: str
    columns: tuple[str, ...]
    training: Floats
    testing: Floats
    anomalous: npt.NDArray[np.bool_]


def breast_cancer() -> DemoData:
    """Wisconsin breast cancer, out of scikit-learn: 569 rows of 30 features, benign as normal."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    columns = tuple(str(name) for name in bunch.feature_names)
    # In this data set 1 is benign.
    return _split("breast cancer", columns, bunch.data.astype(np.float32), bunch.target == 0)


@dataclass(frozen=True)
class LabelledRows:
    """Rows with a label each.

    Parameters
    ----------
    columns : tuple of str
        Names of the features.
    rows : ndarray of float32, shape (n, columns)
        The features.
    labels : list of str
        The labels.
    """

    columns: tuple[str, ...]
    rows: Floats
    labels: list[str]


def digits() -> tuple[LabelledRows, LabelledRows]:
    """Written digits, out of scikit-learn: 1,437 of 8 x 8 pixels to train on, and 360 to test with."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    columns = tuple(str(name) for name in bunch.feature_names)
    order = np.random.default_rng(_SEED).permutation(len(bunch.data))
    training, testing = order[:1437], order[1437:]

    def take(chosen: npt.NDArray[np.intp]) -> LabelledRows:
        rows = bunch.data[chosen].astype(np.float32)
        return LabelledRows(columns, rows, [str(label) for label in bunch.target[chosen]])

    return take(training), take(testing)


def write_labelled(data: LabelledRows, path: Path) -> Path:
    """Write rows as a file that `trainerd import` takes, their labels in the column ``label``."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*data.columns, "label"))
        writer.writerows((*row, label) for row, label in zip(data.rows.tolist(), data.labels, strict=True))
    return path


def from_csv(path: Path) -> DemoData:
    """A user's own feature table; a column of `LABEL_COLUMNS` says which rows are anomalies.

    Each row counts for itself; columns that are not numbers, and a timestamp, are left out.

    Raises
    ------
    TableError
        Something in the file cannot be used.
    """
    content = path.read_bytes()
    rows = list(csv.reader(content.decode("utf-8-sig", "replace").splitlines()))
    names = [name.strip() for name in rows[0]] if rows else []
    label_column = next((name for name in names if name.lower() in LABEL_COLUMNS), None)
    left_out = [
        name
        for index, name in enumerate(names)
        if name == "timestamp" or not all(is_number(row[index]) for row in rows[1:] if len(row) == len(names))
    ]
    columns = tuple(name for name in names if name != label_column and name not in left_out)
    if not columns:
        raise TableError(f"{path}: no column holds numbers")
    (table,) = read(path, content, Options(label_column=label_column, columns=columns, as_table=True))
    labels = table.labels or ("",) * len(table.values)
    anomalous = np.array([label.strip().lower() not in NORMAL_LABELS for label in labels])
    if (~anomalous).sum() < 10:
        raise TableError(f"{path}: {(~anomalous).sum()} normal rows are too few to train on and to test with")
    without = [name for name in left_out if name != label_column]
    told = f"{path.name} (without {', '.join(without)})" if without else path.name
    return _split(told, table.columns, table.values, anomalous)


def write_csv(data: DemoData, directory: Path) -> tuple[Path, Path]:
    """Write the rows as files that `trainerd import` takes: training rows, and labelled testing rows."""
    training, testing = directory / "training.csv", directory / "testing.csv"
    with training.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(data.columns)
        writer.writerows(data.training.tolist())
    with testing.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*data.columns, TESTING_LABEL_COLUMN))
        for row, anomalous in zip(data.testing.tolist(), data.anomalous, strict=True):
            writer.writerow((*row, "anomaly" if anomalous else "normal"))
    return training, testing


def _split(name: str, columns: tuple[str, ...], values: Floats, anomalous: npt.NDArray[np.bool_]) -> DemoData:
    normal = np.random.default_rng(_SEED).permutation(np.flatnonzero(~anomalous))
    training = np.sort(normal[: int(_TRAINING_SHARE * len(normal))])
    rest = np.setdiff1d(np.arange(len(values)), training)
    return DemoData(name, columns, values[training], values[rest], anomalous[rest])
