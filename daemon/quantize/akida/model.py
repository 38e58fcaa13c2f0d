"""Models of the akida package: written, read, asked. Without TensorFlow.

The package reads files with native code that takes damaged ones for good, or dies of them with the process.
So it is given none whose digest is not that of what was written, and only processes of jobs read any.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.errors import AkidaModelDamaged

#: Files of a version.
MODEL, EDGE_MODEL = "akida_model.fbz", "akida_edge_learning_model.fbz"

Integers = npt.NDArray[np.integer[Any]]


def write(model: Any) -> bytes:
    """A model as the bytes of an ``.fbz`` file."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / MODEL
        model.save(str(path))
        return path.read_bytes()


def read(akida: Any, content: bytes) -> Any:
    """The model in the bytes of an ``.fbz`` file that `write` gave.

    Raises
    ------
    AkidaModelDamaged
        The package does not take it.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / MODEL
        path.write_bytes(content)
        try:
            return akida.Model(str(path))
        except (RuntimeError, ValueError) as error:
            raise AkidaModelDamaged(f"the akida package does not read its own model: {error}") from error


def verified(path: Path, sha256: str) -> bytes:
    """The content of a version's ``.fbz`` file, if it is what the manifest says.

    Raises
    ------
    AkidaModelDamaged
        It is not there, or something else.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AkidaModelDamaged(f"{path} cannot be read: {error}; train again") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise AkidaModelDamaged(f"{path} differs from its SHA-256: the disk has damaged it; train again")
    return content


def potentials(model: Any, rows: Integers) -> npt.NDArray[np.float32]:
    """What a model answers before any softmax: ``(n, *input)`` integers to ``(n, outputs)``.

    Parameters
    ----------
    model : akida.Model
        Not mapped, or mapped on a device that is there.
    rows : ndarray, shape (n, *input)
        As `daemon.quantize.akida.inputs` makes them.
    """
    given = model.predict(np.ascontiguousarray(rows.reshape(len(rows), *model.input_shape)))
    return np.asarray(given, np.float32).reshape(len(rows), -1)


def softmax(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Probabilities of each row."""
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def recall(model: Any, rows: Integers, classes: int) -> npt.NDArray[np.intp]:
    """The class that a model with a head answers each row with, (n,), from 0."""
    given = model.predict_classes(
        np.ascontiguousarray(rows.reshape(len(rows), *model.input_shape)), num_classes=classes
    )
    return np.asarray(given, np.intp)
