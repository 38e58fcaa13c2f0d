"""Projects: list, look at, delete."""

from __future__ import annotations

from typing import Any

from daemon.data.index import CATEGORIES
from daemon.errors import Conflict
from daemon.handlers.services import Call, Services


def list_all(services: Services, call: Call) -> dict[str, Any]:
    """All projects, in the order of their ids."""
    ids = services.projects.ids()
    chosen = ids[call.body.offset : call.body.offset + call.body.limit]
    return {"totalCount": len(ids), "projects": [_shown(services, project_id) for project_id in chosen]}


def get(services: Services, call: Call) -> dict[str, Any]:
    """One project."""
    return {"project": _shown(services, call.project_id)}


def delete(services: Services, call: Call) -> dict[str, Any]:
    """Delete a project with all that belongs to it: recordings, impulse, settings, model versions."""
    project_id = call.project_id
    services.projects.created(project_id)
    running = [job.id for job in services.jobs.open() if job.project_id == project_id]
    if running:
        raise Conflict(
            f"project {project_id} has open jobs: cancel them first, "
            f"post api/{project_id}/jobs/{running[0]}/cancel"
        )
    services.projects.delete(project_id)
    services.registry.forget(project_id)
    return {}


def _shown(services: Services, project_id: int) -> dict[str, Any]:
    summaries = {category: services.data.summary(project_id, category) for category in CATEGORIES}
    limit_mb = services.config.data.of_project(project_id).max_mb
    return {
        "id": project_id,
        "created": services.projects.created(project_id),
        "dataSummary": {
            category: {"recordings": len(summary.recordings), "rows": summary.rows}
            for category, summary in summaries.items()
        },
        "bytes": services.samples.bytes_held(project_id),
        "maxBytes": None if limit_mb is None else limit_mb * 2**20,
    }
