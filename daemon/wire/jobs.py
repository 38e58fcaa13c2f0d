"""A job as it goes over the wire, and the replies about jobs."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta


class JobErrorInfo(msgspec.Struct, frozen=True):
    """Why a job did not succeed.

    Parameters
    ----------
    code : str
        One of the codes of `daemon.errors`.
    message : str
        What happened and the remedy.
    stage : str or None
        Stage that it happened in.
    retryable : bool
        Whether the same request may succeed later.
    """

    code: str
    message: str
    stage: str | None
    retryable: bool


class JobInfo(msgspec.Struct, frozen=True, rename="camel"):
    """A job, as published and as answered; times are ISO 8601 in UTC.

    Parameters
    ----------
    state : str
        QUEUED, IN_PROGRESS, SUCCEEDED, FAILED, TIMED_OUT, REJECTED or CANCELED.
    stage : str or None
        prepare, train, quantize, evaluate, export, build, flash or verify while it runs.
    progress : float
        0..1 of the whole job.
    version : int
        Rises with each change of state.
    resumed : int
        How often the job was restarted after an interruption.
    """

    id: int
    request_id: str | None
    project_id: int
    learn_id: int
    category: str
    category_key: str
    key: str
    state: str
    stage: str | None
    progress: float
    version: int
    created: str
    started: str | None
    finished: str | None
    finished_successful: bool | None
    resumed: int
    error: JobErrorInfo | None
    result: dict[str, Any] | None
    job_notification_uids: tuple[int, ...] = ()


class ProgressInfo(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Progress of a running job: `stage`, `progress` 0..1 of the whole job, `eta_s` seconds to its end."""

    stage: str
    progress: float
    epoch: int | None = None
    epochs: int | None = None
    metrics: dict[str, float] | None = None
    eta_s: float | None = None


class LogLine(msgspec.Struct, frozen=True, rename="camel"):
    """A line of a job's log: when, what, and how grave (debug, info, warn or error)."""

    created: str
    data: str
    log_level: str = "info"


class PageRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a listing is wanted."""

    offset: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    limit: Annotated[int, Meta(ge=0, le=1000)] = 100


class EmptyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body without members."""
