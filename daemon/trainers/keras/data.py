"""Rows with labels to what a network is fitted to: targets, and a part that validates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daemon.errors import DatasetError, TrainingError

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.intp]
Place = Callable[[int], str]


@dataclass(frozen=True)
class Examples:
    """Rows and what the network should answer.

    Parameters
    ----------
    rows : ndarray, shape (n, *input), float32
        Inputs.
    targets : ndarray, shape (n, outputs), float32
        One-hot classes, or numbers.
    """

    rows: Floats
    targets: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indexes: Indexes) -> Examples:
        """Some of them, in the order of `indexes`."""
        return Examples(self.rows[indexes], self.targets[indexes])


def one_hot(labels: Sequence[str | None], classes: Sequence[str], place: Place) -> Floats:
    """Targets of a classifier.

    Parameters
    ----------
    labels : sequence of (str or None)
        Label of each row.
    classes : sequence of str
        The classes, in the order of the network's outputs.
    place : callable
        Where row i came from, for the message.

    Returns
    -------
    ndarray, shape (n, classes), float32

    Raises
    ------
    DatasetError
        A row has no label, or one that is no class.
    """
    known = {name: number for number, name in enumerate(classes)}
    for row, label in enumerate(labels):
        if label is None or label not in known:
            problem = "has no label" if not label else f"is labelled {label!r}, which no training row is"
            raise DatasetError(f"{place(row)} {problem}: label it, or delete it")
    targets = np.zeros((len(labels), len(classes)), np.float32)
    targets[np.arange(len(labels)), [known[label or ""] for label in labels]] = 1
    return targets


def numbers(labels: Sequence[str | None], place: Place) -> Floats:
    """Targets of a regression: each label as a number.

    Returns
    -------
    ndarray, shape (n, 1), float32

    Raises
    ------
    DatasetError
        A label is no finite number; the message names the row.
    """
    values = np.zeros((len(labels), 1), np.float32)
    for row, label in enumerate(labels):
        try:
            values[row] = float(label or "")
        except ValueError:
            values[row] = math.nan
        if not math.isfinite(values[row, 0]):
            raise DatasetError(
                f"{place(row)} is labelled {label!r}: a regression needs a number as label of every row"
            )
    return values


def split(
    count: int, share: float, seed: int, groups: Sequence[str | None] | None = None
) -> tuple[Indexes, Indexes]:
    """Which rows train and which validate, at random, as scikit-learn's ``train_test_split`` chooses.

    Parameters
    ----------
    count : int
        Rows.
    share : float
        Share of them that validates, between 0 and 1; rounded up.
    seed : int
        Of the choice.
    groups : sequence of (str or None), optional
        Rows of the same group go to the same side; those without a group each for themselves. The share is
        then one of groups.

    Returns
    -------
    ndarray and ndarray, int
        Rows that train and rows that validate, neither empty.

    Raises
    ------
    TrainingError
        There are too few rows or groups for two sides.
    """
    names = [
        f"row {row}" if groups is None or groups[row] is None else f"group {groups[row]}"
        for row in range(count)
    ]
    kinds = sorted(set(names), key=names.index) if groups is not None else names
    what = "rows" if groups is None else "groups of customValidationMetadataKey"
    validating = math.ceil(len(kinds) * share)
    if not 0 < validating < len(kinds):
        raise TrainingError(
            f"trainTestSplit: {share:g} of {len(kinds)} {what} leaves nothing on one side: import more"
        )
    order = np.random.RandomState(seed).permutation(len(kinds))
    if groups is None:
        return order[validating:], order[:validating]
    rank = {kinds[index]: position for position, index in enumerate(order)}
    positions = np.array([rank[name] for name in names])
    rows = np.argsort(positions, kind="stable")
    aside = positions[rows] < validating
    return rows[~aside], rows[aside]


def check_sides(training: Floats, validation: Floats, classes: Sequence[str]) -> None:
    """Refuse a split that leaves a class out of one side.

    Parameters
    ----------
    training, validation : ndarray, shape (n, classes), float32
        One-hot targets.
    classes : sequence of str
        Names of the classes.

    Raises
    ------
    TrainingError
        Names the first class that is missing, and the side.
    """
    for side, targets in (("train", training), ("validate", validation)):
        for name, total in zip(classes, targets.sum(axis=0), strict=True):
            if total == 0:
                raise TrainingError(
                    f"trainTestSplit: no row labelled {name!r} is left to {side}: import more of them, or "
                    "change the share"
                )


def balanced_weights(targets: Floats) -> Floats:
    """Weight of each class with which all classes count the same: total / (count x classes).

    Parameters
    ----------
    targets : ndarray, shape (n, classes), float32
        One-hot; every class is there.
    """
    counts = targets.sum(axis=0)
    weights: Floats = (counts.sum() / (counts * len(counts))).astype(np.float32)
    return weights
