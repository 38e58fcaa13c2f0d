"""Every error of the daemon, with the code that goes over the wire.

The tree (code, and the status of a reply where it answers a request)::

    TrainerdError                 internal                 500
    ├── RequestError              bad_request              400   the sender can mend it
    │   ├── MalformedBody         malformed_body           400   not JSON or CBOR, duplicate keys, NaN
    │   ├── InvalidMember         invalid_member           400   unknown, missing, mistyped, out of range
    │   ├── ForeignResponseTopic  foreign_response_topic   400
    │   ├── Forbidden             forbidden                403   not open to this sender
    │   │   ├── SignatureMissing  signature_missing        403
    │   │   ├── SignatureInvalid  signature_invalid        403   unknown key, or another request was signed
    │   │   ├── RequestExpired    request_expired          403
    │   │   ├── RequestReplayed   request_replayed         403
    │   │   └── RoleMissing       role_missing             403
    │   ├── NotFound              not_found                404
    │   ├── Conflict              conflict                 409
    │   │   ├── RequestIdConflict request_id_conflict      409
    │   │   └── QuotaExceeded     quota_exceeded           409   more data than may be stored
    │   ├── BodyTooLarge          body_too_large           413
    │   └── QueueFull             queue_full               429
    ├── Unavailable               unavailable              503   the device cannot, for now
    │   └── DiskUnwritable        disk_unwritable          503   nothing can be kept
    │       ├── DiskFull          disk_full                503
    │       └── DiskReadOnly      disk_read_only           503
    ├── ConfigError               config_invalid                 a configuration file is wrong
    ├── StateError                state_invalid                  the state directory cannot be used
    │   ├── SchemaTooNew          schema_too_new                 a newer version wrote it
    │   ├── DatabaseDamaged       database_damaged               set aside; the settings are put back
    │   └── ArchiveInvalid        archive_invalid                a backup that cannot be put back
    └── JobError                  job_failed                     ends a job as FAILED
        ├── DatasetError          dataset_invalid                the rows cannot be trained on
        ├── TrainingError         training_failed                the trainer refuses or gives up
        │   ├── ScriptFailed      script_failed                  an expert script failed, or left no model
        │   ├── SandboxUnavailable  sandbox_unavailable          no walls to run a script behind
        │   └── AkidaRefused      akida_refused                  no Akida variant; the int8 network is whole
        │       ├── AkidaUnavailable  akida_unavailable          MetaTF is not installed, or another version
        │       ├── AkidaArchitecture akida_architecture         a layer or an input that does not fit
        │       ├── AkidaBitsMissing  akida_bits_missing         a layer without a width of its weights
        │       ├── AkidaTargetUnknown  akida_target_unknown     a chip that nothing is known of
        │       ├── AkidaModelDamaged akida_model_damaged        an .fbz file that cannot be read
        │       └── AkidaGateFailed   akida_gate_failed          the saved model decides otherwise
        ├── GateFailed            gate_failed                    int8 strays from the float model
        ├── ExportError           export_failed                  no C could be written
        ├── DeployError           deploy_failed                  a model did not come onto a board
        │   ├── BoardUnreachable  board_unreachable              port missing, busy, gone, or silent
        │   ├── BoardRefused      board_refused                  signature, sequence, format, no room
        │   ├── ArchitectureMismatch  architecture_mismatch      its firmware holds models of another shape
        │   ├── ModelTooLarge     model_too_large                more than the board has; told before a build
        │   ├── ToolMissing       tool_missing                   a compiler or flasher to be installed
        │   ├── BuildFailed       build_failed                   the firmware does not compile
        │   ├── FlashFailed       flash_failed                   the flasher gave up
        │   └── VerifyFailed      verify_failed                  the board computes something else
        ├── JobCanceled           canceled                       asked to stop (ends as CANCELED)
        ├── JobTimedOut           timed_out                      over its time (ends as TIMED_OUT)
        ├── WorkerOutOfMemory     out_of_memory
        ├── WorkerKilled          worker_killed                  by somebody, not for want of memory
        ├── WorkerCrashed         worker_crashed
        ├── JobDiskFull           disk_full
        ├── JobDatabaseDamaged    database_damaged               the daemon restarts and repairs it
        └── JobInterrupted        interrupted                    restarted too often
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any


class TrainerdError(Exception):
    """Base of all errors that the daemon raises on purpose.

    Parameters
    ----------
    message : str
        One sentence for the person who has to mend it: what, where, and the remedy.
    """

    code = "internal"
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestError(TrainerdError):
    """A request that its sender can mend."""

    code = "bad_request"
    status = 400


class MalformedBody(RequestError):
    """A body that is neither strict JSON in UTF-8 nor strict CBOR."""

    code = "malformed_body"


class InvalidMember(RequestError):
    """A member that is unknown, missing, of the wrong type or out of range.

    Parameters
    ----------
    place : str
        Path of the member in the body, for example ``axes[2]``; empty for the body itself.
    problem : str
        What is wrong with it and what would be right.
    """

    code = "invalid_member"

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.place = place


class ForeignResponseTopic(RequestError):
    """A Response Topic outside ``<base>/reply/``."""

    code = "foreign_response_topic"


class Forbidden(RequestError):
    """A request that the local configuration does not allow."""

    code = "forbidden"
    status = 403


class SignatureMissing(Forbidden):
    """A request that must be signed and is not."""

    code = "signature_missing"


class SignatureInvalid(Forbidden):
    """A signature by an unknown key, or over another request."""

    code = "signature_invalid"


class RequestExpired(Forbidden):
    """A signed request that has come too late."""

    code = "request_expired"


class RequestReplayed(Forbidden):
    """A signed request whose counter does not rise."""

    code = "request_replayed"


class RoleMissing(Forbidden):
    """A signature by a key that may not sign for this route."""

    code = "role_missing"


class NotFound(RequestError):
    """A route, project, block, job, version or file that is not there."""

    code = "not_found"
    status = 404


class Conflict(RequestError):
    """A request that contradicts the present state."""

    code = "conflict"
    status = 409


class RequestIdConflict(Conflict):
    """A request id used again with another payload."""

    code = "request_id_conflict"


class QuotaExceeded(Conflict):
    """Data that would be more than the configuration allows."""

    code = "quota_exceeded"


class BodyTooLarge(RequestError):
    """A body over the published limit."""

    code = "body_too_large"
    status = 413


class QueueFull(RequestError):
    """More jobs than the queue may hold."""

    code = "queue_full"
    status = 429


class Unavailable(TrainerdError):
    """Something that the device cannot do for now; the same request may succeed later."""

    code = "unavailable"
    status = 503


class DiskUnwritable(Unavailable):
    """The state directory cannot be written."""

    code = "disk_unwritable"


class DiskFull(DiskUnwritable):
    """The state directory has no room left."""

    code = "disk_full"


class DiskReadOnly(DiskUnwritable):
    """The state directory is on a file system that is read-only, as some become after an error."""

    code = "disk_read_only"


def means_full_disk(error: Exception) -> bool:
    """Whether an error of the system says that there is no room: disk, quota, or a limit on file size."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def means_read_only(error: Exception) -> bool:
    """Whether an error of the system says that the file system is read-only."""
    return isinstance(error, OSError) and error.errno == errno.EROFS


class ConfigError(TrainerdError):
    """A configuration file that cannot be used.

    Parameters
    ----------
    path : str
        The file.
    line : int or None
        Line of the mistake, 1-based, where it is known.
    problem : str
        What is wrong and what would be right.
    others : sequence of ConfigError
        Further mistakes in the same file; the message tells all of them, one a line.
    """

    code = "config_invalid"

    def __init__(self, path: str, line: int | None, problem: str, others: Sequence[ConfigError] = ()) -> None:
        own = f"{path}:{line}: {problem}" if line else f"{path}: {problem}"
        super().__init__("\n".join((own, *(other.message for other in others))))
        self.path = path
        self.line = line
        self.problem = problem


class StateError(TrainerdError):
    """A state directory that cannot be used: in use by another daemon, for example."""

    code = "state_invalid"


class SchemaTooNew(StateError):
    """A state directory that a newer version of the daemon wrote."""

    code = "schema_too_new"


class DatabaseDamaged(StateError):
    """A database that cannot be read, or not all of it."""

    code = "database_damaged"


class ArchiveInvalid(StateError):
    """A backup that is damaged, not complete, or of a newer version."""

    code = "archive_invalid"


class JobError(TrainerdError):
    """An end of a job other than success.

    Parameters
    ----------
    message : str
        What happened and the remedy.
    stage : str or None
        Stage of the job; the pipeline fills in the running one where it is left out.
    retryable : bool
        Whether the same request may succeed later.
    details : dict or None
        Figures that belong to the error; they become the job's ``result``.
    """

    code = "job_failed"

    def __init__(
        self,
        message: str,
        *,
        stage: str | None = None,
        retryable: bool = False,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.stage = stage
        self.retryable = retryable
        self.details = details


class DatasetError(JobError):
    """Rows that cannot be trained on."""

    code = "dataset_invalid"


class TrainingError(JobError):
    """A trainer that refuses its settings or gives up."""

    code = "training_failed"


class ScriptFailed(TrainingError):
    """An expert script that failed, died, or left something that is no model."""

    code = "script_failed"


class SandboxUnavailable(TrainingError):
    """A machine on which no walls close everything that a script must not reach."""

    code = "sandbox_unavailable"


class AkidaRefused(TrainingError):
    """An Akida variant that cannot be made; a training goes on without it."""

    code = "akida_refused"


class AkidaUnavailable(AkidaRefused):
    """MetaTF that is not installed, or is of a version that is not known."""

    code = "akida_unavailable"


class AkidaArchitecture(AkidaRefused):
    """A layer or an input that the chip does not take."""

    code = "akida_architecture"


class AkidaBitsMissing(AkidaRefused):
    """A layer of a script's model whose weights have no width in bits."""

    code = "akida_bits_missing"


class AkidaTargetUnknown(AkidaRefused):
    """A chip that is installed and that nothing is known of."""

    code = "akida_target_unknown"


class AkidaModelDamaged(AkidaRefused):
    """An .fbz file that the akida package cannot read."""

    code = "akida_model_damaged"


class AkidaGateFailed(AkidaRefused):
    """A saved model that decides otherwise than the network that it was made of."""

    code = "akida_gate_failed"


class GateFailed(JobError):
    """An integer model that strays too far from the float model; ``details`` holds the figures."""

    code = "gate_failed"


class ExportError(JobError):
    """A model that cannot be written as C."""

    code = "export_failed"


class DeployError(JobError):
    """A model that did not come onto a board."""

    code = "deploy_failed"


class BoardUnreachable(DeployError):
    """A port that is missing, busy or gone, or a board that does not answer."""

    code = "board_unreachable"


class BoardRefused(DeployError):
    """A board that does not take what it was sent: signature, sequence, format, room."""

    code = "board_refused"


class ArchitectureMismatch(DeployError):
    """A board whose firmware was built for models of another shape."""

    code = "architecture_mismatch"


class ModelTooLarge(DeployError):
    """A model that needs more flash or RAM than the board has."""

    code = "model_too_large"


class ToolMissing(DeployError):
    """A compiler or a flashing tool that is not installed."""

    code = "tool_missing"


class BuildFailed(DeployError):
    """Firmware that does not compile or link."""

    code = "build_failed"


class FlashFailed(DeployError):
    """A flashing tool that gave up."""

    code = "flash_failed"


class VerifyFailed(DeployError):
    """A board whose outputs differ from those of the model."""

    code = "verify_failed"


class JobCanceled(JobError):
    """A job that was asked to stop."""

    code = "canceled"


class JobTimedOut(JobError):
    """A job that ran longer than it may."""

    code = "timed_out"


class WorkerOutOfMemory(JobError):
    """A worker that ran out of memory."""

    code = "out_of_memory"


class WorkerKilled(JobError):
    """A worker that somebody killed; the kernel, for want of memory, did not."""

    code = "worker_killed"


class WorkerCrashed(JobError):
    """A worker that died or spoke nonsense."""

    code = "worker_crashed"


class JobDiskFull(JobError):
    """A job that found no room for its artefacts."""

    code = "disk_full"


class JobDatabaseDamaged(JobError):
    """A job whose rows the database cannot give any more."""

    code = "database_damaged"


class JobInterrupted(JobError):
    """A job that was cut off too often to be tried again."""

    code = "interrupted"
