"""What a fit needs to go on after an interruption, in one file that is whole or not there."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = list[npt.NDArray[Any]]

#: Seconds between two checkpoints at least, and the part of the work so far that may be lost.
_EVERY_S = 2.0
_PART = 1 / 20


@dataclass(frozen=True)
class State:
    """A fit between two epochs.

    Parameters
    ----------
    epochs : list of dict
        Keras' figures of each epoch so far.
    best : int
        The epoch with the smallest validation loss.
    weights, optimizer, best_weights : list of ndarray
        Variables of the model and of its optimizer, and those of the model in the best epoch.
    """

    epochs: list[dict[str, float]]
    best: int
    weights: Arrays
    optimizer: Arrays
    best_weights: Arrays


class Checkpoints:
    """Keeps the last state of a fit.

    Parameters
    ----------
    path : Path
        The file.
    identity : str
        What is fitted, and to which data: a file of another identity is not gone on from.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity
        self._began = self._saved = time.monotonic()

    def load(self) -> State | None:
        """The last state; None where there is none that can be gone on from."""
        try:
            with self._path.open("rb") as content, np.load(content, allow_pickle=False) as file:
                told = json.loads(str(file["told"]))
                if told["identity"] != self._identity:
                    return None
                arrays = {name: _take(file, name) for name in ("weights", "optimizer", "best_weights")}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None
        return State(told["epochs"], told["best"], **arrays)

    def is_due(self) -> bool:
        """Whether enough has been done since the last one that it should not be lost."""
        now = time.monotonic()
        return now - self._saved >= max(_EVERY_S, (now - self._began) * _PART)

    def save(self, state: State) -> None:
        """Write a state in place of the one before."""
        told = json.dumps({"identity": self._identity, "epochs": state.epochs, "best": state.best})
        arrays = {
            **_name("weights", state.weights),
            **_name("optimizer", state.optimizer),
            **_name("best_weights", state.best_weights),
        }
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, told=np.array(told), **arrays)
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        self._saved = time.monotonic()


def _name(name: str, arrays: Sequence[npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {f"{name}.{number}": array for number, array in enumerate(arrays)}


def _take(file: Any, name: str) -> Arrays:
    count = sum(member.startswith(f"{name}.") for member in file.files)
    return [file[f"{name}.{number}"] for number in range(count)]
