"""Digits of 8 x 8 pixels as a project, and requests that ask for an Akida variant."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from tests.networks.plant import NetworkPlant

VECTOR = [
    {"type": "dense", "neurons": 48},
    {"type": "dropout", "dropoutRate": 0.1},
    {"type": "dense", "neurons": 32},
]
IMAGE = [
    {"type": "reshape", "columns": 8},
    {"type": "conv2d", "neurons": 8, "kernelSize": 3},
    {"type": "batchNormalization"},
    {"type": "flatten"},
    {"type": "dense", "neurons": 32},
]
ASKED = {"trainingCycles": 20, "learningRate": 0.005, "skipEmbeddingsAndMemory": True}
AKIDA = {**ASKED, "selectedModelType": "akida"}
TWO_MORE = {"akidaEdgeLearningConfig": {"enabled": True, "additionalClasses": 2, "neuronsPerClass": 30}}


def digits(
    wanted: Collection[int] = range(10), first: int = 0, last: int = 600
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Rows and labels of some digits, out of a range of all rows."""
    data = load_digits()
    rows, labels = data.data[first:last], data.target[first:last]
    chosen = np.isin(labels, list(wanted))
    return rows[chosen], [str(label) for label in labels[chosen]]


def plant(path: Path, wanted: Collection[int] = range(10), **members: Any) -> NetworkPlant:
    """A project that holds some digits."""
    made = NetworkPlant(path)
    made.add(*digits(wanted), **members)
    return made
