"""What every anomaly trainer is, and what all of them do alike.

A trainer is told rows, already selected axes and settings; it gives back a float model without a
threshold. Everything that depends on the algorithm is in its own file.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.models.anomaly import AnomalyModel
from daemon.models.description import EACH_AXIS
from daemon.trainers.table import TrainerEntry

FloatRows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AnomalyTask:
    """One training.

    Parameters
    ----------
    axes : ndarray, shape (d,), uint16
        DSP outputs that the columns of `rows` are.
    rows : ndarray, shape (n, d), float64
        Training rows in the unit of the DSP outputs; checked by `daemon.trainers.checks`.
    cluster_count : int
        Clusters or components, 1 to the number of distinct rows.
    options : dict
        Options of the learn block, as the trainer's table entry names them; for ATK the arguments of the
        command.
    seed : int
        Seed of everything random.
    """

    axes: npt.NDArray[np.uint16]
    rows: FloatRows
    cluster_count: int
    options: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class Fitted:
    """What a training gave.

    Parameters
    ----------
    model : KMeansModel or GmmModel
        The float model; its threshold is still to be set.
    metrics : dict of str to float
        Figures of the fit itself: inertia, iterations.
    warnings : list of str
        What a person should know, one sentence each.
    result : dict
        What the job's result tells beside what every training's tells.
    documents : dict of str to dict
        Files of the version that only this trainer makes: name to JSON content.
    score_error : float
        How far off an integer model's scores of typical rows may be; keeps the threshold off a crowd.
    deviations_of : str
        What the standard deviations are of that K-means measures distances in.
    """

    model: AnomalyModel
    metrics: dict[str, float]
    warnings: list[str] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    score_error: float = 0.0
    deviations_of: str = EACH_AXIS


class AnomalyTrainer(ABC):
    """Fits one kind of anomaly model."""

    @abstractmethod
    def fit(self, task: AnomalyTask) -> Fitted:
        """Fit a model to all rows of a task.

        The same task on the same machine with the same number of threads gives the same model, bit for
        bit. A column that is constant is standardised with scale 1.

        Parameters
        ----------
        task : AnomalyTask
            What to fit.

        Returns
        -------
        Fitted

        Raises
        ------
        TrainingError
            The algorithm gives up.
        """


def load_trainer(entry: TrainerEntry) -> AnomalyTrainer:
    """Import the implementation of a trainer."""
    trainer: AnomalyTrainer = importlib.import_module(entry.module).Trainer()
    return trainer
