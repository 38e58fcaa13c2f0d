"""The data sets that anomaly models are judged on: rows to fit, rows to judge, labels.

The sets of scikit-learn are always there. Recordings are read where a folder of them is: ``TRAINERD_DATA``,
or ``../shared/data`` beside the checkout.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer, load_wine

_SKAB_CHANNELS = (
    "accel1_rms",
    "accel2_rms",
    "current_a",
    "pressure_bar",
    "temperature_c",
    "thermocouple_c",
    "voltage_v",
    "flow_lpm",
)


@dataclass(frozen=True)
class AnomalySet:
    """One set.

    Attributes
    ----------
    name : str
    train : (n, d) float64
        Normal rows to fit on.
    test : (m, d) float64
        Rows to judge, held out.
    labels : (m,) int
        1 where a row of ``test`` is an anomaly.
    """

    name: str
    train: npt.NDArray[np.float64]
    test: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]


def recordings_folder() -> Path | None:
    """The folder of real recordings, where there is one."""
    named = os.environ.get("TRAINERD_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    return folder if folder.is_dir() else None


def _split(name: str, rows: npt.ArrayLike, anomalous: npt.ArrayLike) -> AnomalySet:
    """60 % of the normal rows to fit on, drawn with seed 0; the rest of them and all anomalies to judge."""
    # What a device gets is float32, and so is what it is trained on.
    table = np.asarray(rows, dtype=np.float32).astype(np.float64)
    labels = np.asarray(anomalous).astype(np.int64)
    normal = np.random.default_rng(0).permutation(np.flatnonzero(labels == 0))
    cut = round(0.6 * normal.size)
    judged = np.concatenate([normal[cut:], np.flatnonzero(labels == 1)])
    return AnomalySet(name, table[normal[:cut]], table[judged], labels[judged])


def _columns(path: Path, names: tuple[str, ...]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    values = np.array([[float(row[name]) for name in names] for row in rows])
    return values, np.array([int(row["anomaly"]) for row in rows])


def _fan(path: Path) -> AnomalySet:
    with np.load(path) as stored:
        windows = stored["X"].astype(np.float64) * float(stored["scale_g"])
        labels = stored["label"]
    features = [windows.mean(axis=1), windows.std(axis=1), np.sqrt((windows**2).mean(axis=1))]
    return _split("fan_ceiling_low", np.concatenate(features, axis=1), labels)


def _nab(path: Path) -> AnomalySet:
    values, labels = _columns(path, ("value",))
    day = np.lib.stride_tricks.sliding_window_view(values[:, 0], 24)
    features = np.stack([day.mean(axis=1), day.std(axis=1), day.min(axis=1), day.max(axis=1)], axis=1)
    return _split("nab_ambient_temperature", features, labels[23:])


def _adbench(path: Path) -> AnomalySet:
    with np.load(path) as stored:
        return _split(path.stem, stored["X"], stored["label"])


def anomaly_sets() -> Iterator[AnomalySet]:
    """Every set that is at hand: wine with each class as normal, breast cancer, then the recordings."""
    wine, classes = load_wine(return_X_y=True)
    for normal in range(3):
        yield _split(f"wine_{normal}", wine, classes != normal)
    tissue, benign = load_breast_cancer(return_X_y=True)
    yield _split("breast_cancer", tissue, benign == 0)
    folder = recordings_folder()
    if folder is not None:
        yield _split("skab_valve1", *_columns(folder / "skab_valve1.csv", _SKAB_CHANNELS))
        yield _fan(folder / "fan_ceiling_low.npz")
        yield _nab(folder / "nab_ambient_temperature.csv")
        yield _adbench(folder / "adbench_vowels.npz")
        yield _adbench(folder / "adbench_pendigits.npz")
