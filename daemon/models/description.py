"""What a manifest says of an anomaly model: its inputs, what its score means, how good each variant is."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon import __version__
from daemon.data.index import Column
from daemon.models.anomaly import SCORE_CAP, AnomalyModel, KMeansModel

#: Percentiles of the training scores that a manifest states.
_PERCENTILES = (0, 1, 5, 25, 50, 75, 95, 99, 100)

#: What distances on standardised axes are measured in: each one's standard deviation.
EACH_AXIS = "the axes"

#: What each way of scoring measures.
_MEANINGS = {
    "edge": (
        "distance from the edge of the nearest cluster, in standard deviations of {of}; "
        "negative inside a cluster"
    ),
    "distance": "distance from the centre of the nearest cluster, in standard deviations of {of}",
    "likelihood": (
        "deviation of the log-likelihood from that of the training rows, in their standard deviations, "
        "without its sign"
    ),
}


def describe_inputs(model: AnomalyModel, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Each input of a model: which DSP output it is, its label, unit and standardisation.

    Parameters
    ----------
    model : KMeansModel or GmmModel
        The float model.
    columns : sequence of Column
        Name and unit of each of its inputs.
    """
    return [
        {
            "axis": int(axis),
            "label": column.name,
            "units": column.units,
            "mean": float(mean),
            "scale": float(scale),
        }
        for axis, column, mean, scale in zip(model.axes, columns, model.mean, model.scale, strict=True)
    ]


def describe_score(
    model: AnomalyModel,
    suggested: float,
    source: str,
    training_scores: npt.NDArray[np.float64],
    deviations_of: str,
) -> dict[str, Any]:
    """The score's meaning: what it measures, its sign, cap and threshold, and the training scores.

    Parameters
    ----------
    model : KMeansModel or GmmModel
        The float model, threshold set.
    suggested : float
        What the training scores suggest as threshold.
    source : str
        Who set the threshold.
    training_scores : ndarray, shape (n,)
        Float scores of all training rows.
    deviations_of : str
        What the standard deviations are of that a distance is measured in.
    """
    meaning = _MEANINGS[model.scoring if isinstance(model, KMeansModel) else "likelihood"]
    return {
        "meaning": meaning.format(of=deviations_of),
        "deviationsOf": deviations_of,
        "sign": "higher is more anomalous; a score at or above the threshold is an anomaly",
        "cap": SCORE_CAP,
        "threshold": model.threshold,
        "thresholdSource": source,
        "suggestedThreshold": suggested,
        "trainingPercentiles": {
            str(percent): float(np.percentile(training_scores, percent)) for percent in _PERCENTILES
        },
    }


def package_versions(*more: str) -> dict[str, str]:
    """What the version was made with; `more` names further distributions that took part."""
    return {
        "trainerd": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": metadata.version("scikit-learn"),
        "scipy": metadata.version("scipy"),
        **{name: metadata.version(name) for name in more},
    }
