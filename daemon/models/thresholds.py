"""The thresholds of models as Edge Impulse names and describes them; without numpy."""

from __future__ import annotations

from typing import Any

#: The one threshold of an anomaly block.
THRESHOLD_KEY = "min_anomaly_score"

#: The one threshold of a classifier.
CONFIDENCE_KEY = "min_score"

#: Scores end here; the same number as `daemon.models.anomaly.SCORE_CAP`, which needs numpy.
SCORE_CAP = 1000.0

#: A suggested threshold is never smaller: rows on the edge of a cluster are normal.
THRESHOLD_FLOOR = 0.1


def block_threshold(value: float, suggested: float) -> dict[str, Any]:
    """An anomaly block's threshold as a ``BlockThreshold`` of the wire.

    Parameters
    ----------
    value : float
        The threshold in use; a score at or above it is an anomaly.
    suggested : float
        What the training scores suggest.
    """
    return {
        "key": THRESHOLD_KEY,
        "description": "Minimum anomaly score",
        "helpText": "A score at or above this is tagged as an anomaly.",
        "value": value,
        "suggestedValue": suggested,
        "suggestedValueText": f"{suggested:.4g}, the 99th percentile of the training scores",
    }


def confidence_threshold(value: float) -> dict[str, Any]:
    """A classifier's threshold as a ``BlockThreshold`` of the wire.

    Parameters
    ----------
    value : float
        The threshold in use, 0..1; a best class that scores below it is uncertain.
    """
    return {
        "key": CONFIDENCE_KEY,
        "description": "Minimum confidence",
        "helpText": "A classification whose best class scores below this is tagged as uncertain.",
        "value": value,
    }
