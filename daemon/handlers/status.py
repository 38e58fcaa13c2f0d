"""Everything that is retained, in one reply."""

from __future__ import annotations

import contextlib
from typing import Any

from daemon.errors import NotFound
from daemon.handlers.services import Call, Services


def get(services: Services, _: Call) -> dict[str, Any]:
    """State, capabilities, open jobs, current models, and targets as they are."""
    return {
        "state": services.presence.info(),
        "capabilities": services.capabilities,
        "jobs": [services.queue.info(job) for job in services.jobs.open()],
        "models": _models(services),
        "targets": {name: services.boards.state(name) for name in services.config.targets or {}},
    }


def _models(services: Services) -> list[dict[str, Any]]:
    found = []
    for project_id, learn_id, _ in services.registry.currents():
        # One that the disk has damaged does not hide the others.
        with contextlib.suppress(NotFound):
            found.append(services.model_in_use(project_id, learn_id))
    return found
