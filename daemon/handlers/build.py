"""Packages of models, for a project's own build: Edge Impulse's deployments."""

from __future__ import annotations

import difflib
from typing import Any

from daemon.errors import Conflict, InvalidMember, NotFound
from daemon.handlers.services import Call, Services
from daemon.jobs.job import BUILD
from daemon.models.registry import INT8_NETWORK, int8_model
from daemon.wire.models import BUILD_TYPES, INTERPRETED, BuildRequest


def start(services: Services, call: Call) -> dict[str, Any]:
    """Queue the packaging of a version; answers with the job's id."""
    request: BuildRequest = call.body
    _check_type(request)
    learn_id = request.learn_id or _only_model(services, call.project_id)
    manifest = services.registry.current_manifest(call.project_id, learn_id)
    file = int8_model(manifest)
    if file is None:
        raise Conflict(f"version {manifest['version']} has no int8 model: train it again")
    if request.type == INTERPRETED and file != INT8_NETWORK:
        raise InvalidMember("type", "'tflm' is for networks: an anomaly model is no .tflite file, use 'c'")
    job = services.queue.submit(
        project_id=call.project_id,
        learn_id=learn_id,
        category=BUILD,
        key=f"build-{request.type}-{learn_id}",
        request={"type": request.type, "version": manifest["version"]},
        request_id=call.request_id,
    )
    reply: dict[str, Any] = {"id": job.id, "deploymentVersion": manifest["version"]}
    if request.parameters is not None:
        reply["ignored"] = {"parameters": "no package takes any"}
    return reply


def _check_type(request: BuildRequest) -> None:
    if request.type not in BUILD_TYPES:
        close = difflib.get_close_matches(request.type, BUILD_TYPES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(BUILD_TYPES)}"
        raise InvalidMember("type", f"{request.type!r} is unknown; {hint}")
    fitting = "tflite" if request.type == INTERPRETED else "tflite-eon"
    if request.engine not in {None, fitting}:
        raise InvalidMember(
            "engine", f"{request.engine!r} is not to be had with {request.type!r}: use {fitting!r}"
        )
    if request.model_type not in {None, "int8"}:
        raise InvalidMember("modelType", f"{request.model_type!r} is not exported as C: use 'int8'")


def _only_model(services: Services, project_id: int) -> int:
    """The learn block of the one trained model of a project."""
    found = [learn_id for project, learn_id, _ in services.registry.currents() if project == project_id]
    if not found:
        raise NotFound(f"project {project_id} has no trained model: train one first")
    if len(found) > 1:
        raise InvalidMember(
            "learnId", f"say which model: project {project_id} has {', '.join(map(str, found))}"
        )
    return found[0]
