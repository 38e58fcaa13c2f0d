"""What parent and child say to each other: a spec in, JSON-line events out.

The parent writes the spec as one line on the child's standard input and keeps that pipe open; a
further line ``cancel`` asks the child to stop, and the end of the pipe means that the parent died.
The child writes one event a line.
"""

from __future__ import annotations

from typing import Any

import msgspec

#: Share of a whole job that lies before and after each stage, so that progress only rises.
STAGE_SPANS = {
    "prepare": (0.00, 0.10),
    "train": (0.10, 0.70),
    "quantize": (0.70, 0.80),
    "evaluate": (0.80, 0.85),
    "export": (0.85, 1.00),
}


class GateBounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of the accept gate between the float and the integer model.

    Parameters
    ----------
    min_agreement : float
        Least share of rows with the same decision, 0..1.
    min_spearman : float
        Least rank correlation of the scores, -1..1.
    max_auc_difference : float
        Largest absolute difference of the ROC-AUC.
    """

    min_agreement: float = 0.99
    min_spearman: float = 0.99
    max_auc_difference: float = 0.005


class WorkerLimits(msgspec.Struct, frozen=True):
    """Resources that a worker may use.

    Parameters
    ----------
    memory_bytes : int or None
        Most memory that it may use; None for no limit.
    nice : int
        Added to the process priority.
    threads : int
        Threads that numeric libraries may start.
    """

    memory_bytes: int | None = None
    nice: int = 10
    threads: int = 1


class Spec(msgspec.Struct, frozen=True):
    """Everything that one training needs.

    Parameters
    ----------
    job_id, project_id, learn_id, version : int
        Whose training this is, and the number of the version it will make.
    database : str
        Path of the SQLite database; opened read-only.
    staging_dir : str
        Empty directory that becomes the version's directory.
    learn_block : dict
        The block of the impulse: id, type, name, title, dsp and its options.
    impulse : dict
        The whole impulse.
    request : dict
        The body of the training request, members not given left out.
    settings : dict
        Stored settings of the learn block: thresholds, for example.
    seed : int
        Seed of everything random.
    gate : GateBounds
        When the integer model is accepted.
    limits : WorkerLimits
        What the process may use.
    """

    job_id: int
    project_id: int
    learn_id: int
    version: int
    database: str
    staging_dir: str
    learn_block: dict[str, Any]
    impulse: dict[str, Any]
    request: dict[str, Any]
    settings: dict[str, Any] = {}
    seed: int = 3
    gate: GateBounds = GateBounds()
    limits: WorkerLimits = WorkerLimits()


class Progress(msgspec.Struct, frozen=True, tag="progress", omit_defaults=True):
    """Where the job is: `fraction` (0..1) of `stage`."""

    stage: str
    fraction: float
    epoch: int | None = None
    epochs: int | None = None
    metrics: dict[str, float] | None = None


class Log(msgspec.Struct, frozen=True, tag="log"):
    """One line for the job's log; `level` is one of debug, info, warn, error."""

    level: str
    text: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The version is complete in the staging directory; `result` becomes the job's result."""

    result: dict[str, Any]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The job ends here; the members are those of `daemon.errors.JobError`."""

    code: str
    message: str
    stage: str | None
    retryable: bool
    details: dict[str, Any] | None = None


Event = Progress | Log | Done | Failed


def overall(progress: Progress) -> float:
    """Progress of the whole job, 0..1."""
    start, end = STAGE_SPANS.get(progress.stage, (0.0, 1.0))
    return start + (end - start) * min(max(progress.fraction, 0.0), 1.0)
