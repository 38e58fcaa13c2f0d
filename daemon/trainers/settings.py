"""From a training request and stored settings to what a trainer is told; without numpy.

The daemon calls this for a request before it makes a job of it, the worker again when it runs the job.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from daemon.errors import InvalidMember
from daemon.models.thresholds import SCORE_CAP, THRESHOLD_KEY
from daemon.trainers.table import TrainerEntry
from daemon.wire.edge_impulse import (
    BlockThreshold,
    LearnBlock,
    SetAnomalyParameterRequest,
    StartTrainingRequestAnomaly,
)


@dataclass(frozen=True)
class AnomalySettings:
    """What an anomaly trainer is told.

    Parameters
    ----------
    axes : tuple of int
        DSP outputs to train on, ascending.
    cluster_count : int or None
        Clusters or components; None where nobody said, so that the trainer's default applies.
    options : dict
        Options of the learn block, defaults filled in; for ATK the arguments of the command.
    threshold : float or None
        The threshold that somebody set; None where the suggested one applies.
    threshold_source : str
        Who set it: ``request``, ``minimumConfidenceRating``, ``learn block`` or ``suggested``.
    embeddings_and_memory : bool
        Whether a 2-D embedding and the model's memory are wanted.
    ignored : dict of str to str
        Members of the request that have no effect, and why.
    """

    axes: tuple[int, ...]
    cluster_count: int | None
    options: dict[str, Any]
    threshold: float | None
    threshold_source: str
    embeddings_and_memory: bool
    ignored: dict[str, str] = field(default_factory=dict)


def anomaly_settings(
    entry: TrainerEntry,
    request: StartTrainingRequestAnomaly,
    learn_block: LearnBlock,
    stored: SetAnomalyParameterRequest,
    outputs: int | None,
) -> AnomalySettings:
    """Put together what a training is told.

    Parameters
    ----------
    entry : TrainerEntry
        The trainer.
    request : StartTrainingRequestAnomaly
        The request.
    learn_block : LearnBlock
        The block to train, with its options.
    stored : SetAnomalyParameterRequest
        Settings stored with the block.
    outputs : int or None
        How many DSP outputs the block sees; None where that is not known yet.

    Returns
    -------
    AnomalySettings

    Raises
    ------
    InvalidMember
        A member is out of range, given twice, or means nothing to this trainer.
    """
    _check_axes(request.axes, outputs)
    count, place = request.cluster_count, "clusterCount"
    if count is None:
        count, place = stored.cluster_count, "stored clusterCount"
    if count is not None and count > entry.max_clusters:
        raise InvalidMember(place, f"{count} is more than {entry.name} takes: at most {entry.max_clusters}")
    options = _options(entry, learn_block)
    threshold, source, ignored = _threshold(entry, options, request, stored)
    if request.k_folds_validation_config is not None:
        ignored["kFoldsValidationConfig"] = "anomaly training validates nothing in folds"
    if request.assert_gpu_usage_percentage is not None:
        ignored["assertGpuUsagePercentage"] = "anomaly training uses no GPU"
    return AnomalySettings(
        axes=tuple(sorted(request.axes)),
        cluster_count=count,
        options=options,
        threshold=threshold,
        threshold_source=source,
        embeddings_and_memory=not request.skip_embeddings_and_memory,
        ignored=ignored,
    )


def threshold_value(threshold: BlockThreshold, place: str) -> float:
    """The number that a ``BlockThreshold`` for an anomaly block holds.

    Parameters
    ----------
    threshold : BlockThreshold
        As it was sent.
    place : str
        Where it stands in the body, for the message.

    Raises
    ------
    InvalidMember
        Another key, or a value that is no number on the scale of the score.
    """
    if threshold.key != THRESHOLD_KEY:
        raise InvalidMember(f"{place}.key", f"{threshold.key!r} is unknown here; known is {THRESHOLD_KEY!r}")
    return _on_scale(threshold_number(threshold.value, f"{place}.value"), f"{place}.value")


def threshold_number(value: float | str, place: str) -> float:
    """A threshold's value as a number, however it was written; `place` is for the message."""
    try:
        return float(value)
    except ValueError:
        raise InvalidMember(place, f"{value!r} is not a number") from None


def _on_scale(value: float, place: str) -> float:
    if not (math.isfinite(value) and abs(value) <= SCORE_CAP):
        raise InvalidMember(
            place, f"{value:g} is off the scale of the score: -{SCORE_CAP:g} to {SCORE_CAP:g}"
        )
    return value


def _check_axes(axes: list[int], outputs: int | None) -> None:
    if not axes:
        raise InvalidMember("axes", "is empty: name at least one DSP output")
    seen: dict[int, int] = {}
    for position, axis in enumerate(axes):
        if axis in seen:
            raise InvalidMember(f"axes[{position}]", f"{axis} is already named by axes[{seen[axis]}]")
        seen[axis] = position
        if outputs is not None and not 0 <= axis < outputs:
            raise InvalidMember(
                f"axes[{position}]",
                f"{axis} is out of range: the DSP blocks give {outputs} outputs, 0 to {outputs - 1}",
            )


def _options(entry: TrainerEntry, learn_block: LearnBlock) -> dict[str, str]:
    given = {"scaling": learn_block.scaling, "score": learn_block.score}
    for name, value in given.items():
        if value is not None and name not in entry.options:
            raise InvalidMember(
                f"learnBlocks[{learn_block.id}].{name}",
                f"{entry.name} has no such option; it has: {', '.join(entry.options)}",
            )
    return {name: given[name] or values[0] for name, values in entry.options.items()}


def _threshold(
    entry: TrainerEntry,
    options: dict[str, str],
    request: StartTrainingRequestAnomaly,
    stored: SetAnomalyParameterRequest,
) -> tuple[float | None, str, dict[str, str]]:
    """The threshold that was set, who set it, and what has no effect beside it.

    What was set as a threshold goes before ``minimumConfidenceRating``: every request has to carry that
    one, so it must not undo a threshold that somebody chose for the block.
    """
    rating = _on_scale(request.minimum_confidence_rating, "minimumConfidenceRating")
    if len(request.thresholds or []) > 1:
        raise InvalidMember("thresholds[1].key", f"{THRESHOLD_KEY!r} is already given by thresholds[0]")
    for source, thresholds in (("request", request.thresholds), ("learn block", stored.thresholds)):
        for position, threshold in enumerate(thresholds or []):
            value = threshold_value(threshold, f"thresholds[{position}]")
            return value, source, {"minimumConfidenceRating": f"the threshold is set by the {source}"}
    # Its usual value, 0.3, is a distance from the edge of a cluster; elsewhere it flags most normal rows.
    if entry.takes_rating and options.get("score", "edge") == "edge":
        return rating, "minimumConfidenceRating", {}
    scale = entry.name if not entry.takes_rating else "plain distance"
    why = f"no threshold on the scale of {scale}: use thresholds[key={THRESHOLD_KEY}]"
    return None, "suggested", {"minimumConfidenceRating": why}


def check_stored(entry: TrainerEntry, stored: SetAnomalyParameterRequest) -> None:
    """Check settings before they are stored.

    Parameters
    ----------
    entry : TrainerEntry
        The trainer of the block.
    stored : SetAnomalyParameterRequest
        What is to be stored.

    Raises
    ------
    InvalidMember
        A member is out of range or given twice.
    """
    if stored.axes is not None:
        _check_axes(stored.axes, None)
    if stored.cluster_count is not None and stored.cluster_count > entry.max_clusters:
        raise InvalidMember(
            "clusterCount", f"{stored.cluster_count} is more than {entry.max_clusters}, the most"
        )
    for position, threshold in enumerate(stored.thresholds or []):
        threshold_value(threshold, f"thresholds[{position}]")
