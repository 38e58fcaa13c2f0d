"""What a report is made from, and which rows of it are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.models.anomaly import AnomalyModel

Scores = npt.NDArray[np.floating[Any]]
FloatRows = npt.NDArray[np.float32]
Scorer = Callable[[FloatRows], Scores]

#: Rows of each kind that are scored for the pictures, at most.
MOST_SCORED = 1500


@dataclass(frozen=True)
class Material:
    """One version of an anomaly model, with its rows.

    Parameters
    ----------
    manifest : dict
        What the version's manifest says, but its files. Members that differ between two trainings of the
        same (version, job, time) are not looked at: the same training writes the same page.
    files : dict of str to bytes
        Sizes in bytes and SHA-256 of the version's other files, as the manifest lists them.
    model : KMeansModel or GmmModel
        The float model.
    integer_score : callable
        Rows (n, d) to scores (n,) of the integer model.
    training, normal, anomalous, synthetic : ndarray, shape (n, d), float32
        Rows by what is known of them; all but `training` may be empty.
    training_scores : ndarray, shape (n,)
        Float scores of all training rows.
    embedding : dict or None
        What `daemon.models.embedding` made; None where the request left it out.
    """

    manifest: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    model: AnomalyModel
    integer_score: Scorer
    training: FloatRows
    normal: FloatRows
    anomalous: FloatRows
    synthetic: FloatRows
    training_scores: npt.NDArray[np.float64]
    embedding: Mapping[str, Any] | None


@dataclass(frozen=True)
class Group:
    """Rows of one kind with their scores.

    Attributes
    ----------
    kind : str
        ``training``, ``normal``, ``recorded`` or ``made``; also their class in the style sheet.
    title : str
        What a reader calls them.
    total : int
        How many there are in all.
    rows : (n, d) float32
        Those that were scored, evenly spread over all.
    scores, integer : (n,) float
        Of the float model and of the integer model.
    """

    kind: str
    title: str
    total: int
    rows: FloatRows
    scores: Scores
    integer: Scores


def groups(material: Material) -> list[Group]:
    """The kinds of rows that there are, training rows first."""
    named = [
        ("training", "Training rows", material.training),
        ("normal", "Normal rows not trained on", material.normal),
        ("recorded", "Recorded anomalies", material.anomalous),
        ("made", "Made anomalies", material.synthetic),
    ]
    found = []
    for kind, title, rows in named:
        if len(rows):
            chosen = evenly(len(rows), MOST_SCORED)
            picked = rows[chosen]
            known = material.training_scores[chosen] if kind == "training" else material.model.score(picked)
            found.append(Group(kind, title, len(rows), picked, known, material.integer_score(picked)))
    return found


def evenly(count: int, most: int) -> npt.NDArray[np.intp]:
    """Indexes of at most `most` of `count` rows, evenly spread from the first to the last."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.intp)


def drawn(group: Group, most: int) -> npt.NDArray[np.intp]:
    """Indexes of the rows of a group that are drawn: evenly spread, and the highest scores for certain."""
    highest = np.argsort(-group.scores, kind="stable")[: most // 8]
    return np.union1d(evenly(len(group.rows), most - len(highest)), highest)
