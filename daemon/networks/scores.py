"""What the answers of a network are worth: figures of a classifier and of a regression.

The names and shapes of a classifier's report are those of scikit-learn's ``classification_report``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daemon.quantize.agreement import roc_auc
from daemon.trainers.keras.data import Floats

#: Probabilities are at least this in a logarithm, as in Keras.
_LEAST = 1e-7

#: One line of a report: ``precision``, ``recall``, ``f1-score``, ``support``.
Line = dict[str, float]


@dataclass(frozen=True)
class Answers:
    """What a variant of a network answers to some rows, and what it should have.

    Parameters
    ----------
    given, wanted : ndarray, shape (n, outputs), float32
        Probabilities and one-hot classes of a classifier; numbers of a regression.
    """

    given: Floats
    wanted: Floats

    def __len__(self) -> int:
        return len(self.given)

    @property
    def chosen(self) -> npt.NDArray[np.intp]:
        """The class of each row that a classifier answers with, (n,)."""
        return np.asarray(self.given.argmax(axis=1))

    @property
    def right(self) -> npt.NDArray[np.intp]:
        """The class of each row, (n,)."""
        return np.asarray(self.wanted.argmax(axis=1))


def losses(answers: Answers, *, classifies: bool) -> npt.NDArray[np.float64]:
    """Loss of each row, as Keras': categorical cross-entropy of a classifier, squared error of numbers."""
    if not classifies:
        return np.asarray(np.square(answers.given - answers.wanted, dtype=np.float64).mean(axis=1))
    # An int8 softmax does not quite add up to 1.
    given = answers.given.astype(np.float64)
    given /= np.maximum(given.sum(axis=1, keepdims=True), _LEAST)
    logarithms = np.log(np.clip(given, _LEAST, 1 - _LEAST))
    return np.asarray(-np.sum(answers.wanted * logarithms, axis=1))


def loss(answers: Answers, *, classifies: bool) -> float:
    """Mean loss of all rows."""
    return float(losses(answers, classifies=classifies).mean())


def accuracy(answers: Answers) -> float:
    """Share of rows that a classifier is right about."""
    return float(np.mean(answers.chosen == answers.right))


def confusion(answers: Answers) -> npt.NDArray[np.int64]:
    """How many rows of class i were taken for class j: (classes, classes)."""
    classes = answers.wanted.shape[1]
    pairs = answers.right * classes + answers.chosen
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def report(answers: Answers, classes: Sequence[str]) -> dict[str, Line | float]:
    """Precision, recall, F1 and support of each class, their means, and the accuracy.

    Parameters
    ----------
    answers : Answers
        Of a classifier.
    classes : sequence of str
        Names of its outputs.

    Returns
    -------
    dict
        By the name of a class, ``macro avg`` and ``weighted avg`` a line each; ``accuracy`` a number. Where
        nothing can be divided by, a figure is 0.
    """
    matrix = confusion(answers).astype(np.float64)
    hits, support, taken = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall = _divide(hits, taken), _divide(hits, support)
    f1 = _divide(2 * precision * recall, precision + recall)
    columns = np.stack([precision, recall, f1], axis=1)

    def line(figures: npt.NDArray[np.float64], rows: float) -> Line:
        return {
            "precision": float(figures[0]),
            "recall": float(figures[1]),
            "f1-score": float(figures[2]),
            "support": float(rows),
        }

    lines: dict[str, Line | float] = {
        name: line(figures, rows) for name, figures, rows in zip(classes, columns, support, strict=True)
    }
    total = float(support.sum())
    return {
        **lines,
        "accuracy": accuracy(answers),
        "macro avg": line(columns.mean(axis=0), total),
        "weighted avg": line(support @ columns / total, total),
    }


def area_under_roc(answers: Answers) -> float:
    """Mean area under the ROC curve of each class that is there against the others."""
    areas = [
        roc_auc(answers.given[:, number], wanted > 0)
        for number, wanted in enumerate(answers.wanted.T)
        if 0 < wanted.sum() < len(wanted)
    ]
    return float(np.mean(areas)) if areas else 0.0


def regression(answers: Answers) -> dict[str, float]:
    """``mse``, ``mae``, ``r2`` and ``maxError``; `r2` is 0 where all that is wanted is the same."""
    error = (answers.given - answers.wanted).astype(np.float64)
    spread = float(np.var(answers.wanted, dtype=np.float64))
    squared = float(np.mean(error**2))
    return {
        "mse": squared,
        "mae": float(np.mean(np.abs(error))),
        "r2": 1 - squared / spread if spread else 0.0,
        "maxError": float(np.abs(error).max()),
    }


def _divide(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
