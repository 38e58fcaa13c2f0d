"""Anomaly training: start it, its settings, what it learnt."""

from __future__ import annotations

from typing import Any

import msgspec

from daemon.dsp.outputs import learn_block_outputs
from daemon.errors import Conflict, DatasetError, InvalidMember, NotFound
from daemon.handlers.learning import check_available, learn_block, training_data, version_metadata
from daemon.handlers.services import Call, Services
from daemon.jobs.job import TRAIN_ANOMALY
from daemon.models.thresholds import THRESHOLD_FLOOR, block_threshold
from daemon.trainers.settings import AnomalySettings, anomaly_settings, check_stored
from daemon.trainers.table import TRAINERS
from daemon.wire.edge_impulse import SetAnomalyParameterRequest, StartTrainingRequestAnomaly
from daemon.wire.members import given


def start(services: Services, call: Call) -> dict[str, Any]:
    """Queue a training; answers with the job's id."""
    request: StartTrainingRequestAnomaly = call.body
    impulse, block, entry = learn_block(services, call, TRAINERS)
    check_available(entry)
    training = training_data(services, call, impulse, block)
    settings = anomaly_settings(entry, request, block, _stored(services, call), len(training.outputs))
    _check_rows(training.rows, settings)
    job = services.queue.submit(
        project_id=call.project_id,
        learn_id=call.learn_id,
        category=TRAIN_ANOMALY,
        key=f"{block.type}-{call.learn_id}",
        request=given(request),
        request_id=call.request_id,
    )
    reply: dict[str, Any] = {"id": job.id}
    if settings.ignored:
        reply["ignored"] = settings.ignored
    return reply


def get_config(services: Services, call: Call) -> dict[str, Any]:
    """``AnomalyConfig``: the settings of a learn block and the axes that it may train on."""
    impulse, block, entry = learn_block(services, call, TRAINERS)
    stored = _stored(services, call)
    summary = services.data.summary(call.project_id)
    try:
        outputs = learn_block_outputs(impulse, block, summary.columns) if summary.columns else []
    except DatasetError as error:
        raise Conflict(error.message) from None
    trained = services.registry.current(call.project_id, call.learn_id) is not None
    selected = stored.axes if stored.axes is not None else list(range(len(outputs)))
    favourites = _favourites([output.name for output in outputs])
    return {
        "dependencies": {
            "classes": [],
            "blockNames": [dsp.title or dsp.name for dsp in impulse.dsp_blocks if dsp.id in block.dsp],
            "featureCount": len(outputs),
            "sampleCount": summary.rows,
        },
        "name": block.title or block.name,
        "axes": [
            {
                "ix": number,
                "label": output.name,
                "selected": number in selected,
                "favourite": number in favourites,
            }
            for number, output in enumerate(outputs)
        ],
        "trained": trained,
        "clusterCount": stored.cluster_count or entry.default_clusters,
        "selectedAxes": selected,
        "minimumConfidenceRating": 0.3
        if stored.minimum_confidence_rating is None
        else stored.minimum_confidence_rating,
        "thresholds": _thresholds(services, call, stored, trained=trained),
    }


def set_config(services: Services, call: Call) -> dict[str, Any]:
    """Store settings of a learn block; members not given stay as they are."""
    _impulse, _, entry = learn_block(services, call, TRAINERS)
    request: SetAnomalyParameterRequest = call.body
    check_stored(entry, request)
    merged = {**services.projects.settings(call.project_id, call.learn_id), **given(request)}
    services.projects.set_settings(call.project_id, call.learn_id, merged)
    return {}


def metadata(services: Services, call: Call) -> dict[str, Any]:
    """``AnomalyModelMetadata`` of the version in use."""
    learn_block(services, call, TRAINERS)
    manifest, found = version_metadata(services, call)
    return {"created": manifest["created"], **found["anomaly"]}


def gmm_metadata(services: Services, call: Call) -> dict[str, Any]:
    """``AnomalyGmmMetadata`` of the version in use."""
    learn_block(services, call, TRAINERS)
    _, found = version_metadata(services, call)
    if found["gmm"] is None:
        raise NotFound(
            f"learn block {call.learn_id} of project {call.project_id} is no GMM: ask for /metadata"
        )
    gmm: dict[str, Any] = found["gmm"]
    return gmm


def _stored(services: Services, call: Call) -> SetAnomalyParameterRequest:
    return msgspec.convert(
        services.projects.settings(call.project_id, call.learn_id), SetAnomalyParameterRequest
    )


def _thresholds(
    services: Services, call: Call, stored: SetAnomalyParameterRequest, *, trained: bool
) -> list[dict[str, Any]]:
    if stored.thresholds:
        return [given(threshold) for threshold in stored.thresholds]
    if trained:
        thresholds: list[dict[str, Any]] = version_metadata(services, call)[1]["anomaly"]["thresholds"]
        return thresholds
    return [block_threshold(THRESHOLD_FLOOR, THRESHOLD_FLOOR)]


def _check_rows(rows: int, settings: AnomalySettings) -> None:
    """What the number of rows alone can tell; equal rows are found by the worker."""
    if rows < 2:
        raise Conflict(f"there are {rows} training rows: at least 2 are needed")
    if settings.cluster_count is not None and settings.cluster_count > rows:
        raise InvalidMember(
            "clusterCount", f"{settings.cluster_count} is more than the {rows} rows: at most {rows}"
        )


def _favourites(labels: list[str]) -> set[int]:
    """Axes that are suggested: RMS features where there are any, else all."""
    rms = {number for number, label in enumerate(labels) if label.rsplit(" ", 1)[-1] == "RMS"}
    return rms or set(range(len(labels)))
