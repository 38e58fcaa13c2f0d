"""The data sets that networks are judged on: labelled rows to train on and to judge, with layers for them.

Digits are always there; recordings are read where a folder of them is (`benchmarks.anomaly_sets`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from benchmarks.anomaly_sets import recordings_folder

Rows = npt.NDArray[np.float32]
Layers = list[dict[str, Any]]

_DENSE: Layers = [{"type": "dense", "neurons": 20}, {"type": "dense", "neurons": 10}]


@dataclass(frozen=True)
class NetworkSet:
    """One set.

    Attributes
    ----------
    name : str
    kind : str
        Type of the learn block.
    layers : list of dict
        ``visualLayers`` of the request.
    epochs : int
    train, test : (n, d) float32
        Rows to train on, a part of which validates, and rows to judge.
    train_labels, test_labels : list of str
    """

    name: str
    kind: str
    layers: Layers
    epochs: int
    train: Rows
    train_labels: list[str]
    test: Rows
    test_labels: list[str]


def network_sets() -> Iterator[NetworkSet]:
    """Every set that is at hand."""
    yield from _digits()
    folder = recordings_folder()
    if folder is not None:
        yield _gestures(folder / "gestures_4class.csv")
        yield _spoken_digits(folder / "spoken_digits.npz")
        yield _power_plant(folder / "ccpp_power.csv")


def _digits() -> Iterator[NetworkSet]:
    rows, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    rows, told = (rows[order] / 16).astype(np.float32), [str(labels[index]) for index in order]
    grid = {"type": "reshape", "columns": 8}
    for name, layers in {
        "digits, dense": [{"type": "dense", "neurons": 40}, {"type": "dense", "neurons": 20}],
        "digits, conv1d": [grid, _convolution("conv1d", 16), _convolution("conv1d", 16), {"type": "flatten"}],
        "digits, conv2d": [grid, _convolution("conv2d", 16), _convolution("conv2d", 16), {"type": "flatten"}],
    }.items():
        yield NetworkSet(name, "keras", layers, 40, rows[:1200], told[:1200], rows[1200:], told[1200:])


def _convolution(kind: str, neurons: int) -> dict[str, Any]:
    return {"type": kind, "neurons": neurons, "kernelSize": 3}


def _gestures(path: Path) -> NetworkSet:
    """Windows of 1 s, one beginning each quarter of a second, never across two recordings."""
    with path.open(newline="") as file:
        samples = list(csv.DictReader(file))
    windows: dict[str, list[Rows]] = {"train": [], "test": []}
    labels: dict[str, list[str]] = {"train": [], "test": []}
    for recording in sorted({sample["recording"] for sample in samples}):
        own = [sample for sample in samples if sample["recording"] == recording]
        axes = np.array([[float(sample[axis]) for axis in ("ax_g", "ay_g", "az_g")] for sample in own])
        for start in range(0, len(axes) - 99, 25):
            windows[own[0]["split"]].append(axes[start : start + 100].ravel().astype(np.float32))
            labels[own[0]["split"]].append(own[0]["activity"])
    layers = [
        {"type": "reshape", "columns": 3},
        _convolution("conv1d", 8),
        _convolution("conv1d", 16),
        {"type": "flatten"},
        {"type": "dropout", "dropoutRate": 0.25},
    ]
    train, test = (np.stack(windows[side]) for side in ("train", "test"))
    return NetworkSet("gestures, conv1d", "keras", layers, 60, train, labels["train"], test, labels["test"])


def _spoken_digits(path: Path) -> NetworkSet:
    with np.load(path) as stored:
        audio, labels = stored["audio"].astype(np.float64) / 32768, [str(label) for label in stored["label"]]
        trains, rate = stored["split"] == "train", int(stored["fs_hz"])
    rows = np.stack([_log_mel(clip, rate).ravel() for clip in audio])
    layers = [
        {"type": "reshape", "columns": 20},
        _convolution("conv1d", 16),
        _convolution("conv1d", 32),
        {"type": "flatten"},
        {"type": "dropout", "dropoutRate": 0.25},
    ]
    told = np.array(labels)
    return NetworkSet(
        "spoken digits, conv1d",
        "keras",
        layers,
        60,
        rows[trains],
        told[trains].tolist(),
        rows[~trains],
        told[~trains].tolist(),
    )


def _log_mel(clip: npt.NDArray[np.float64], rate: int) -> Rows:
    """Energies of 20 mel bands in frames of 32 ms, as logarithms between about 0 and 1: (times, bands)."""
    frames = np.lib.stride_tricks.sliding_window_view(clip, 256)[::160] * np.hanning(256)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), 22) / 2595) - 1)
    bins = np.fft.rfftfreq(256, 1 / rate)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bands = power @ np.clip(np.minimum(rising, falling), 0, None).T
    return np.asarray((np.log10(bands + 1e-6) + 6) / 8, np.float32)


def _power_plant(path: Path) -> NetworkSet:
    """Standardised features to MW above the mean of the training rows."""
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    trains = np.array([line["split"] == "train" for line in lines])
    names = ("ambient_temp_c", "exhaust_vacuum_cmhg", "ambient_pressure_mbar", "rel_humidity_pct")
    rows = np.array([[float(line[name]) for name in names] for line in lines])
    power = np.array([float(line["power_mw"]) for line in lines])
    rows = ((rows - rows[trains].mean(axis=0)) / rows[trains].std(axis=0)).astype(np.float32)
    told = np.array([f"{value:.3f}" for value in power - power[trains].mean()])
    return NetworkSet(
        "ccpp, dense regression",
        "keras-regression",
        _DENSE,
        20,
        rows[trains],
        told[trains].tolist(),
        rows[~trains],
        told[~trains].tolist(),
    )
