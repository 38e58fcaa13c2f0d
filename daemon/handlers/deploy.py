"""Models onto boards: a job for a target, or for all targets of a group one after another."""

from __future__ import annotations

import difflib
from typing import Any

from daemon.config import Config
from daemon.errors import Conflict, InvalidMember
from daemon.handlers.services import Call, Services
from daemon.jobs.job import DEPLOY, Job
from daemon.models.registry import int8_model
from daemon.wire.models import DeployRequest


def start(services: Services, call: Call) -> dict[str, Any]:
    """Queue the deployment of a version; answers with the job's id and where it will go."""
    request: DeployRequest = call.body
    targets = _targets(services.config, request.target)
    version = services.registry.kept(call.project_id, call.learn_id, request.version)
    if int8_model(services.registry.manifest(call.project_id, call.learn_id, version)) is None:
        raise Conflict(f"version {version} has no int8 model: train it again")
    job = submit(services, call, request.target, targets, version)
    return {"id": job.id, "deploymentVersion": version, "targets": targets}


def submit(services: Services, call: Call, name: str, targets: list[str], version: int) -> Job:
    """Queue the deployment of a version of the call's model onto targets, inside the caller's transaction.

    Parameters
    ----------
    name : str
        What the targets were asked for by: the one target, or a group.
    """
    return services.queue.submit(
        project_id=call.project_id,
        learn_id=call.learn_id,
        category=DEPLOY,
        key=f"deploy-{name}-{call.learn_id}",
        request={"target": name, "targets": targets, "version": version},
        request_id=call.request_id,
    )


def _targets(config: Config, name: str) -> list[str]:
    """The targets that a name stands for, in the order of the configuration."""
    known = config.targets or {}
    if name in known:
        return [name]
    members = [each for each, target in known.items() if name in target.groups]
    if members:
        return members
    if not known:
        raise InvalidMember("target", f"{name!r} is unknown: the configuration has no [targets.{name}]")
    groups = list(dict.fromkeys(group for target in known.values() for group in target.groups))
    close = difflib.get_close_matches(name, [*known, *groups], n=1)
    hint = f", did you mean {close[0]!r}?" if close else ";"
    also = f", groups are {', '.join(groups)}" if groups else ""
    raise InvalidMember("target", f"{name!r} is unknown{hint} targets are {', '.join(known)}{also}")
