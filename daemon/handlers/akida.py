"""Classes that the Akida model of a network is to learn."""

from __future__ import annotations

from typing import Any

import msgspec

from daemon.errors import Conflict, InvalidMember, NotFound, Unavailable
from daemon.handlers.services import Call, Services
from daemon.jobs.job import AKIDA_LEARN
from daemon.quantize.akida.metatf import missing
from daemon.trainers.table import NETWORKS
from daemon.wire.akida import AkidaLearnRequest


def learn(services: Services, call: Call) -> dict[str, Any]:
    """Queue the teaching of the version in use; answers with the job's id."""
    request: AkidaLearnRequest = call.body
    kind = services.projects.learn_block(call.project_id, call.learn_id)["type"]
    if kind not in NETWORKS:
        raise NotFound(f"learn block {call.learn_id} is of type {kind!r}: only networks have Akida variants")
    _check_classes(services, call, request)
    manifest = services.registry.current_manifest(call.project_id, call.learn_id)
    _check_model(manifest, request)
    if (why := missing()) is not None:
        raise Unavailable(f"nothing can be learnt here: {why}")
    job = services.queue.submit(
        project_id=call.project_id,
        learn_id=call.learn_id,
        category=AKIDA_LEARN,
        key=f"{kind}-{call.learn_id}",
        request=msgspec.to_builtins(request),
        request_id=call.request_id,
    )
    return {"id": job.id}


def _check_classes(services: Services, call: Call, request: AkidaLearnRequest) -> None:
    known = services.data.labels(call.project_id, request.category)
    for number, name in enumerate(request.classes):
        if name in request.classes[:number]:
            raise InvalidMember(f"classes[{number}]", f"{name!r} is named twice")
        if name not in known:
            raise Conflict(
                f"no {request.category} sample of project {call.project_id} is labelled {name!r}: import some"
            )


def _check_model(manifest: dict[str, Any], request: AkidaLearnRequest) -> None:
    version, facts = manifest["version"], manifest.get("akida")
    if facts is None:
        raise Conflict(f"version {version} has no Akida variant: train with akidaEdgeLearningConfig.enabled")
    learning = facts.get("edgeLearning")
    if learning is None or not learning["made"]:
        told = facts if not facts["made"] else learning
        why = told["message"] if told else "train with akidaEdgeLearningConfig.enabled"
        raise Conflict(f"version {version} has no model that learns: {why}")
    if manifest["settings"]["mode"] == "expert":
        raise Conflict(
            f"a script made the model of version {version}: it is not loaded, and not taught, here"
        )
    found = {*learning["learnt"], *request.classes}
    if len(found) > learning["classes"]:
        raise Conflict(
            f"the model of version {version} can learn {learning['classes']} classes and would know "
            f"{len(found)}: train with more akidaEdgeLearningConfig.additionalClasses"
        )
