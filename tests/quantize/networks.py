"""Small Keras networks on scikit-learn's digits, trained once a run, to test their quantizer on."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@dataclass(frozen=True)
class Rows:
    """Digits: rows to train on, and rows that nobody has seen."""

    train: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int64]
    unseen: npt.NDArray[np.float32]
    unseen_labels: npt.NDArray[np.int64]


@cache
def keras() -> Any:
    """tf_keras; its import warns of what it does itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf_keras
    return tf_keras


@cache
def digits() -> Rows:
    """1,200 digits to train on and 597 others."""
    rows, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    rows, labels = (rows[order] / 16).astype(np.float32), labels[order].astype(np.int64)
    return Rows(rows[:1200], labels[:1200], rows[1200:], labels[1200:])


def _convolution_1d(k: Any) -> list[Any]:
    layers = k.layers
    return [
        layers.Reshape((8, 8)),
        layers.Conv1D(16, 3, padding="same", activation="relu"),
        layers.Conv1D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling1D(2, 2, padding="same"),
        layers.BatchNormalization(),
        layers.Flatten(),
    ]


def _convolution_2d(k: Any) -> list[Any]:
    layers = k.layers
    return [
        layers.Reshape((8, 8, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu", kernel_constraint=k.constraints.MaxNorm(1)),
        layers.MaxPooling2D(2, 2, padding="same"),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.Dropout(0.25),
    ]


def _dense(k: Any) -> list[Any]:
    layers, penalty = k.layers, k.regularizers.l1(1e-5)
    return [
        layers.Dense(20, activation="relu", activity_regularizer=penalty),
        layers.BatchNormalization(),
        layers.Dropout(0.1),
        layers.Dense(10, activation="relu", activity_regularizer=penalty),
    ]


BODIES: dict[str, Callable[[Any], list[Any]]] = {
    "dense": _dense,
    "conv1d": _convolution_1d,
    "conv2d": _convolution_2d,
}
"""Between them every visual layer."""


def build(layers: Sequence[Any], output: Any, width: int = 64) -> Any:
    """A compiled network of these layers."""
    k = keras()
    model = k.Sequential([k.layers.InputLayer((width,)), *layers, output])
    loss = "sparse_categorical_crossentropy" if output.units > 1 else "mse"
    model.compile(k.optimizers.legacy.Adam(0.005), loss)
    return model


@cache
def trained(body: str) -> Any:
    """A network of one of the `BODIES`, trained on the digits."""
    k, rows = keras(), digits()
    k.utils.set_random_seed(3)
    model = build(BODIES[body](k), k.layers.Dense(10, activation="softmax", name="y_pred"))
    model.fit(rows.train, rows.train_labels, epochs=8, batch_size=64, verbose=0)
    return model
