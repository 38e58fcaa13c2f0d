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
    ranks = _ranks(count, seed, groups)
    kinds = int(ranks.max()) + 1 if count else 0
    what = "rows" if groups is None else "groups of customValidationMetadataKey"
    validating = math.ceil(kinds * share)
    if not 0 < validating < kinds:
        raise TrainingError(
            f"trainTestSplit: {share:g} of {kinds} {what} leaves nothing on one side: import more"
        )
    order = np.argsort(ranks, kind="stable")
    aside = ranks[order] < validating
    return order[~aside], order[aside]


def folds(
    count: int, parts: int, seed: int, groups: Sequence[str | None] | None = None
) -> list[tuple[Indexes, Indexes]]:
    """Rows divided at random into parts of about the same size, each of which validates once.

    Parameters
    ----------
    count : int
        Rows.
    parts : int
        Folds, 2 or more.
    seed : int
        Of the choice.
    groups : sequence of (str or None), optional
        As for `split`; the parts then hold about the same number of groups.

    Returns
    -------
    list of (ndarray, ndarray), int
        Rows that train and rows that validate, of each fold; none is empty.

    Raises
    ------
    TrainingError
        There are fewer rows or groups than folds.
    """
    ranks = _ranks(count, seed, groups)
    kinds = int(ranks.max()) + 1 if count else 0
    if kinds < parts:
        what = "rows" if groups is None else "groups of customValidationMetadataKey"
        raise TrainingError(
            f"kFoldsValidationConfig.numFolds: {parts} is more than the {kinds} {what}: at most {kinds}"
        )
    order = np.argsort(ranks, kind="stable")
    part = ranks[order] * parts // kinds
    return [(order[part != number], order[part == number]) for number in range(parts)]


def _ranks(count: int, seed: int, groups: Sequence[str | None] | None) -> Indexes:
    """The place of each row, or of its group, in a random order: (n,), from 0."""
    if groups is None:
        kind = np.arange(count)
    else:
        names = [f"row {row}" if group is None else f"group {group}" for row, group in enumerate(groups)]
        known = {name: number for number, name in enumerate(dict.fromkeys(names))}
        kind = np.array([known[name] for name in names], np.intp)
    order = np.random.RandomState(seed).permutation(int(kind.max()) + 1 if count else 0)
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    return np.asarray(rank[kind])


def check_training(training: Floats, classes: Sequence[str], fold: int) -> None:
    """Refuse a fold that leaves no row of a class to train; to validate none is needed.

    Raises
    ------
    TrainingError
        Names the class and the fold, from 1.
    """
    for name, total in zip(classes, training.sum(axis=0), strict=True):
        if total == 0:
            raise TrainingError(
                f"kFoldsValidationConfig: in fold {fold} no row labelled {name!r} is left to train: import "
                "more of them, or use more folds"
            )


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
