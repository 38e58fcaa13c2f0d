"""Jobs: status, lists, log lines, cancel."""

from __future__ import annotations

from typing import Any

import msgspec

from daemon.errors import NotFound
from daemon.handlers.services import Call, Services
from daemon.jobs.job import Job


def status(services: Services, call: Call) -> dict[str, Any]:
    """``GetJobResponse``: the job, with its latest progress while it runs."""
    job = _job(services, call)
    reply: dict[str, Any] = {"job": services.queue.info(job)}
    progress = services.queue.last_progress(job.id)
    if progress is not None:
        reply["progress"] = progress
    return reply


def list_all(services: Services, call: Call) -> dict[str, Any]:
    """Jobs of all projects that are remembered, newest first."""
    jobs = services.jobs.all()[::-1][call.body.offset :][: call.body.limit]
    return {"jobs": [msgspec.to_builtins(services.queue.info(job)) for job in jobs]}


def list_open(services: Services, call: Call) -> dict[str, Any]:
    """Jobs of a project that have not ended, newest first."""
    return _page(services, call, ended=False)


def list_ended(services: Services, call: Call) -> dict[str, Any]:
    """Jobs of a project that have ended, newest first."""
    return _page(services, call, ended=True)


def stdout(services: Services, call: Call) -> dict[str, Any]:
    """The last log lines of a job."""
    total, lines = services.logs.read(_job(services, call).id)
    return {"stdout": lines, "totalCount": total}


def cancel(services: Services, call: Call) -> dict[str, Any]:
    """Stop a job."""
    services.queue.cancel(_job(services, call).id)
    return {}


def _page(services: Services, call: Call, *, ended: bool) -> dict[str, Any]:
    jobs = services.jobs.of_project(call.project_id, ended, call.body.offset, call.body.limit)
    return {"jobs": [msgspec.to_builtins(services.queue.info(job)) for job in jobs]}


def _job(services: Services, call: Call) -> Job:
    job = services.jobs.get(call.ids["jobId"])
    if job.project_id != call.project_id:
        raise NotFound(f"project {call.project_id} has no job {job.id}")
    return job
