"""What each variant of a network answers, and the figures of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from daemon.networks import scores
from daemon.networks.scores import Answers
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


def answer(predict: Predict, examples: Examples) -> Answers:
    """What a variant says to some rows, beside what it should say."""
    return Answers(predict(examples.rows), examples.targets)


def figures(answers: Answers, *, classifies: bool) -> dict[str, float]:
    """``accuracy`` of a classifier; ``mse`` and ``r2`` of a regression."""
    if classifies:
        return {"accuracy": scores.accuracy(answers)}
    found = scores.regression(answers)
    return {name: found[name] for name in ("mse", "r2")}
