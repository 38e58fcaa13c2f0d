"""What parent and child say to each other: a spec in, JSON-line events out.

The parent writes the spec as one line on the child's standard input and keeps that pipe open; a
further line ``cancel`` asks the child to stop, and the end of the pipe means that the parent died.
The child writes one event a line.
"""

from __future__ import annotations

from typing import Any

import msgspec

from daemon import errors
from daemon.errors import JobError
from daemon.wire.akida import AkidaTask, AkidaTerms
from daemon.wire.script import ScriptTerms

#: Share of a whole job that lies before and after each stage, so that progress only rises.
STAGE_SPANS = {
    "prepare": (0.00, 0.10),
    "train": (0.10, 0.70),
    "quantize": (0.70, 0.80),
    "evaluate": (0.80, 0.85),
    "export": (0.85, 1.00),
}

#: The same of a deployment, for each of its targets; a package is built in a job that is nothing else.
DEPLOY_SPANS = {
    "build": (0.00, 0.40),
    "flash": (0.40, 0.85),
    "verify": (0.85, 1.00),
}


#: File beside the staging directory that a training leaves to go on from after an interruption.
CHECKPOINT = "checkpoint.npz"


#: File there that counts how often MetaTF was begun with.
AKIDA_BEGUN = "akida.begun"


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
    max_accuracy_loss, max_r2_loss : float
        What an int8 network may lose of a classifier's accuracy, or of a regression's R2.
    """

    min_agreement: float = 0.99
    min_spearman: float = 0.99
    max_auc_difference: float = 0.005
    max_accuracy_loss: float = 0.01
    max_r2_loss: float = 0.01


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
    seconds : float or None
        Longest run of the process; None for no limit.
    """

    memory_bytes: int | None = None
    nice: int = 10
    threads: int = 1
    seconds: float | None = None


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What every job of a worker needs.

    Parameters
    ----------
    job_id : int
        Whose work this is.
    database : str
        Path of the SQLite database; opened read-only.
    staging_dir : str
        Empty directory for what the job makes.
    limits : WorkerLimits
        What the process may use.
    """

    job_id: int
    database: str
    staging_dir: str
    limits: WorkerLimits = WorkerLimits()


class WarmUp(msgspec.Struct, frozen=True, tag="warm-up"):
    """Said before there is any work: load what the training of a network needs, and wait."""

    limits: WorkerLimits


class Spec(Work, frozen=True, kw_only=True, tag="train"):
    """Everything that one training needs; `staging_dir` becomes the version's directory.

    Parameters
    ----------
    project_id, learn_id, version : int
        Whose training this is, and the number of the version it will make.
    learn_block : dict
        The block of the impulse: id, type, name, title, dsp and its options; of an ATK model id, type and
        name.
    impulse : dict or None
        The whole impulse; None for an ATK model, which is trained on a frame.
    request : dict
        The body of the training request, members not given left out.
    settings : dict
        Stored settings of the learn block: thresholds, for example.
    seed : int
        Seed of everything random, where the request has none.
    gate : GateBounds
        When the integer model is accepted.
    weights : str or None
        Directory of an earlier version whose float model is taken, where none is to be trained.
    weights_dir : str or None
        Where the weights of pretrained networks lie.
    script : ScriptTerms or None
        How the request's script may be run, where it has one.
    akida : AkidaTerms
        Which networks get an Akida variant, and for which chip.
    teaches : AkidaTask or None
        What the Akida model of the version in `weights` is taught, where no network is to be trained.
    input_bits : int
        Width of an anomaly model's inputs that is tried first.
    """

    project_id: int
    learn_id: int
    version: int
    learn_block: dict[str, Any]
    impulse: dict[str, Any] | None
    request: dict[str, Any]
    settings: dict[str, Any] = {}
    seed: int = 3
    gate: GateBounds = GateBounds()
    weights: str | None = None
    weights_dir: str | None = None
    script: ScriptTerms | None = None
    akida: AkidaTerms = AkidaTerms()
    teaches: AkidaTask | None = None
    input_bits: int = 8


class PredictionSpec(Work, frozen=True, kw_only=True, tag="predict"):
    """Everything that one prediction of ATK needs; its rows are left in `staging_dir`.

    Parameters
    ----------
    model_file : str
        The trained model, as ATK scores it.
    frame_id : int
        The frame whose rows are assigned to clusters.
    columns : list of str or None
        Columns to read; those of the training where left out.
    """

    model_file: str
    frame_id: int
    columns: list[str] | None


class BuildSpec(Work, frozen=True, kw_only=True, tag="build"):
    """Everything that packaging a version's model needs; the package is left in `staging_dir`.

    Parameters
    ----------
    model_file : str
        ``model_int8.npz`` or ``model_int8.tflite`` of the version.
    name : str
        Prefix of the C files and symbols.
    format : str
        One of the exporter's formats.
    labels : list of str
        Names of a classifier's outputs, or of an anomaly model's features.
    file_name : str
        What the package is called.
    """

    model_file: str
    name: str
    format: str
    labels: list[str]
    file_name: str


class Progress(msgspec.Struct, frozen=True, tag="progress", omit_defaults=True):
    """Where the job is: `fraction` (0..1) of `stage`, and seconds that the rest of the stage will take.

    `target` is the number of the target that a deployment is at, from 0, and of how many.
    """

    stage: str
    fraction: float
    metrics: dict[str, float] | None = None
    epoch: int | None = None
    epochs: int | None = None
    eta_s: float | None = None
    target: tuple[int, int] | None = None


class Log(msgspec.Struct, frozen=True, tag="log"):
    """One line for the job's log; `level` is one of debug, info, warn, error."""

    level: str
    text: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """All is complete in the staging directory; `result` becomes the job's result."""

    result: dict[str, Any]


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The job ends here; the members are those of `daemon.errors.JobError`."""

    code: str
    message: str
    stage: str | None
    retryable: bool
    details: dict[str, Any] | None = None


Event = Progress | Log | Done | Failed


def told_error(failed: Failed) -> JobError:
    """The error that a process has told of."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, JobError)]
    kind = next((kind for kind in kinds if kind.code == failed.code), JobError)
    return kind(failed.message, stage=failed.stage, retryable=failed.retryable, details=failed.details)


def overall(progress: Progress) -> float:
    """Progress of the whole job, 0..1."""
    number, count = progress.target or (0, 1)
    spans = STAGE_SPANS if progress.target is None else DEPLOY_SPANS
    start, end = spans.get(progress.stage, (0.0, 1.0))
    return (number + start + (end - start) * min(max(progress.fraction, 0.0), 1.0)) / count
