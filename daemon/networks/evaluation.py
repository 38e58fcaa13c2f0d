"""Figures of each variant of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from daemon.trainers.keras.data import Examples, Floats

#: Rows that go through a network at once.
_AT_ONCE = 1024

#: Rows, ``(n, *input)``, to outputs, ``(n, outputs)``.
Predict = Callable[[Floats], Floats]


def float_predict(model: Any) -> Predict:
    """What a tf_keras model answers."""

    def predict(rows: Floats) -> Floats:
        parts = [
            model(rows[start : start + _AT_ONCE], training=False).numpy()
            for start in range(0, len(rows), _AT_ONCE)
        ]
        return np.concatenate(parts)

    return predict


def evaluate(predict: Predict, examples: Examples, *, classifies: bool) -> dict[str, float]:
    """``accuracy`` of a classifier; ``mse`` and ``r2`` of a regression."""
    given = predict(examples.rows)
    if classifies:
        return {"accuracy": float(np.mean(given.argmax(axis=1) == examples.targets.argmax(axis=1)))}
    squared = float(np.mean((given - examples.targets) ** 2))
    spread = float(np.var(examples.targets))
    return {"mse": squared, "r2": 1 - squared / spread if spread else 0.0}
