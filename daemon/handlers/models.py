"""Model versions: lists, manifests, files in parts, rollback."""

from __future__ import annotations

from typing import Any

from daemon.handlers import deploy
from daemon.handlers.services import Call, Services
from daemon.models.summary import model_summary


def list_versions(services: Services, call: Call) -> dict[str, Any]:
    """Versions of a learn block, oldest first, and which one is in use."""
    registry = services.registry
    versions = registry.versions(call.project_id, call.learn_id)
    current = registry.current(call.project_id, call.learn_id)
    if not versions:
        services.projects.learn_block(call.project_id, call.learn_id)
    return {
        "current": current,
        "versions": [model_summary(found) for found in registry.manifests(call.project_id, call.learn_id)],
    }


def manifest(services: Services, call: Call) -> dict[str, Any]:
    """The manifest of one version, and the packages that were made of it."""
    place = (call.project_id, call.learn_id, call.ids["version"])
    return {"manifest": services.registry.manifest(*place), "builds": services.registry.builds(*place)}


def read_file(services: Services, call: Call) -> dict[str, Any]:
    """A part of a file of a version."""
    part = services.registry.read(
        call.project_id, call.learn_id, call.ids["version"], call.name, call.body.offset, call.body.length
    )
    return {
        "size": part.size,
        "sha256": part.sha256,
        "offset": part.offset,
        "data": part.data,
    }


def roll_back(services: Services, call: Call) -> dict[str, Any]:
    """Make an earlier version the one in use, and have the targets follow that run the model."""
    registry, (project_id, learn_id) = services.registry, (call.project_id, call.learn_id)
    version = (
        registry.kept_before(project_id, learn_id)
        if call.body.version is None
        else registry.kept(project_id, learn_id, call.body.version)
    )
    followers = services.boards.running(project_id, learn_id)
    jobs = {
        name: deploy.submit(services, call, name, [name], version).id
        for name, runs in followers.items()
        if runs["version"] != version and name in (services.config.targets or {})
    }
    # Last: it cannot be taken back where the queue is full.
    registry.use(project_id, learn_id, version)
    model = model_summary(registry.manifest(project_id, learn_id, version))
    return {"model": model, "deployJobs": list(jobs.values()), "targets": list(jobs)}
