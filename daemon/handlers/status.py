"""Everything that is retained, in one reply."""

from __future__ import annotations

import contextlib
from typing import Any

from daemon.errors import NotFound
from daemon.handlers.services import Call, Services
from daemon.models.summary import model_summary


def get(services: Services, _: Call) -> dict[str, Any]:
    """State, capabilities, open jobs and current models."""
    return {
        "state": services.presence.info(),
        "capabilities": services.capabilities,
        "jobs": [services.queue.info(job) for job in services.jobs.open()],
        "models": _models(services),
    }


def _models(services: Services) -> list[dict[str, Any]]:
    found = []
    for project_id, learn_id, version in services.registry.currents():
        # One that the disk has damaged does not hide the others.
        with contextlib.suppress(NotFound):
            found.append(model_summary(services.registry.manifest(project_id, learn_id, version)))
    return found
