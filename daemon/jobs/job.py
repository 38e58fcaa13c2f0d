"""A job: its states and the legal steps between them."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from daemon.wire.jobs import JobErrorInfo, JobInfo


class State(str, Enum):
    """Where a job is; the last five are terminal."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    REJECTED = "REJECTED"
    CANCELED = "CANCELED"

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in TRANSITIONS


#: An interrupted job goes back to the queue; a queued one may prove impossible before it starts.
TRANSITIONS = {
    State.QUEUED: frozenset({State.IN_PROGRESS, State.REJECTED, State.CANCELED, State.FAILED}),
    State.IN_PROGRESS: frozenset(
        {State.QUEUED, State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELED}
    ),
}

#: How often an interrupted job is started again.
MAX_RESUMES = 3


class Job(msgspec.Struct, frozen=True):
    """A job as it is kept on disk.

    Parameters
    ----------
    version : int
        Rises with each change of state; a change is made only by who knows the present one.
    category : str
        Kind of work, for example ``train-anomaly``.
    request : dict
        Body of the request that started it.
    cancel_requested : bool
        Whether somebody asked to stop it while it ran.
    """

    id: int
    request_id: str | None
    project_id: int
    learn_id: int
    category: str
    key: str
    state: State
    version: int
    created: str
    request: dict[str, Any]
    started: str | None = None
    finished: str | None = None
    finished_successful: bool | None = None
    resumed: int = 0
    cancel_requested: bool = False
    error: JobErrorInfo | None = None
    result: dict[str, Any] | None = None


TRAIN_ANOMALY = "train-anomaly"
TRAIN_KERAS = "train-keras"
SET_THRESHOLDS = "set-thresholds"
AKIDA_LEARN = "akida-learn"
ATK_TRAIN = "atk-train"
ATK_PREDICT = "atk-predict"
ATK_MODEL = "atk-model"
BUILD = "build-ondevice-model"
DEPLOY = "deploy"

#: Category of a job to the words that people read.
CATEGORIES = {
    TRAIN_ANOMALY: "Train model (anomaly)",
    TRAIN_KERAS: "Train model (Keras)",
    SET_THRESHOLDS: "Set thresholds",
    AKIDA_LEARN: "Learn classes (Akida)",
    ATK_TRAIN: "Train model (ATK)",
    ATK_PREDICT: "Predict clusters (ATK)",
    BUILD: "Build on-device model",
    DEPLOY: "Deploy model",
    ATK_MODEL: "Make or publish model (ATK)",
}


def info(job: Job, stage: str | None = None, progress: float = 0.0) -> JobInfo:
    """A job as it goes over the wire, with what is only known in memory while it runs."""
    if job.state is State.SUCCEEDED:
        progress = 1.0
    return JobInfo(
        id=job.id,
        request_id=job.request_id,
        project_id=job.project_id,
        learn_id=job.learn_id,
        category=CATEGORIES[job.category],
        category_key=job.category,
        key=job.key,
        state=job.state.value,
        stage=stage,
        progress=round(progress, 4),
        version=job.version,
        created=job.created,
        started=job.started,
        finished=job.finished,
        finished_successful=job.finished_successful,
        resumed=job.resumed,
        error=job.error,
        result=job.result,
    )
