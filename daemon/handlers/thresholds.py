"""Thresholds of learn blocks: stored, and put into a new version of what is trained already."""

from __future__ import annotations

from typing import Any

import msgspec

from daemon.errors import Conflict, InvalidMember, NotFound
from daemon.handlers.impulse import IMPULSE_ID
from daemon.handlers.services import Call, Services
from daemon.jobs.job import SET_THRESHOLDS
from daemon.models.thresholds import CONFIDENCE_KEY
from daemon.trainers.settings import threshold_number, threshold_value
from daemon.trainers.table import NETWORKS
from daemon.wire.edge_impulse import (
    BlockThreshold,
    ImpulseThreshold,
    LearnBlock,
    SetImpulseThresholdsRequest,
)


def set_thresholds(services: Services, call: Call) -> dict[str, Any]:
    """Store thresholds; a job for each trained block makes a version with the same weights."""
    request: SetImpulseThresholdsRequest = call.body
    services.projects.impulse(call.project_id)
    if call.ids["impulseId"] != IMPULSE_ID:
        raise NotFound(f"project {call.project_id} has no impulse {call.ids['impulseId']}: its one is 1")
    wanted: dict[int, tuple[str, dict[str, Any]]] = {}
    for number, threshold in enumerate(request.thresholds):
        place = f"thresholds[{number}]"
        block_id = threshold.block_id
        if block_id in wanted:
            raise InvalidMember(f"{place}.blockId", f"block {block_id} is given twice: it has one threshold")
        block = msgspec.convert(services.projects.learn_block(call.project_id, block_id), LearnBlock)
        _check_version(services, call.project_id, block)
        wanted[block_id] = block.type, _members(block, threshold, place)
    jobs = []
    for block_id, (block_type, members) in wanted.items():
        stored = services.projects.settings(call.project_id, block_id)
        services.projects.set_settings(call.project_id, block_id, {**stored, **members})
        version = services.registry.current(call.project_id, block_id)
        if version is not None:
            job = services.queue.submit(
                project_id=call.project_id,
                learn_id=block_id,
                category=SET_THRESHOLDS,
                key=f"{block_type}-{block_id}",
                request={"version": version, "members": members},
                request_id=call.request_id,
            )
            jobs.append({"blockId": block_id, "id": job.id})
    return {
        "hadModelTestingResults": False,
        "regenerateModelTestingStatus": "not_regenerated",
        "jobs": jobs,
    }


def _members(block: LearnBlock, threshold: ImpulseThreshold, place: str) -> dict[str, Any]:
    """The stored setting that a threshold is."""
    if block.type not in NETWORKS:
        value = threshold_value(BlockThreshold(threshold.key, threshold.value), place)
        return {"thresholds": [{"key": threshold.key, "value": value}]}
    if not NETWORKS[block.type].classifies:
        raise InvalidMember(f"{place}.key", f"block {block.id} of type {block.type!r} has no threshold")
    if threshold.key != CONFIDENCE_KEY:
        raise InvalidMember(f"{place}.key", f"{threshold.key!r} is unknown here; known is {CONFIDENCE_KEY!r}")
    value = threshold_number(threshold.value, f"{place}.value")
    if not 0 <= value <= 1:
        raise InvalidMember(f"{place}.value", f"{value:g} is no confidence: 0 to 1")
    return {"minimumConfidenceRating": value}


def _check_version(services: Services, project_id: int, block: LearnBlock) -> None:
    version = services.registry.current(project_id, block.id)
    if version is None:
        return
    trained = services.registry.manifest(project_id, block.id, version)["type"]
    if trained != block.type:
        raise Conflict(
            f"version {version} of block {block.id} is of type {trained!r}, the block by now of type "
            f"{block.type!r}: train it first"
        )
