"""The child's side: read the spec, put limits on, run the pipeline, report.

``python -m daemon.worker.child``; started by `daemon.worker.supervisor` alone.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from io import RawIOBase
from typing import Any, BinaryIO

import msgspec

from daemon import faults
from daemon.database import means_damage
from daemon.errors import (
    JobCanceled,
    JobDatabaseDamaged,
    JobDiskFull,
    JobError,
    WorkerOutOfMemory,
    means_full_disk,
)
from daemon.wire.deploy import DeploySpec
from daemon.wire.worker import (
    BuildSpec,
    Done,
    Event,
    Failed,
    Log,
    PredictionSpec,
    Progress,
    Spec,
    WarmUp,
    WorkerLimits,
)

_PR_SET_PDEATHSIG = 1
#: Seconds between two looks at the memory that is used.
_WATCH_S = 0.05
#: What the matrix libraries of numpy and scipy reserve for each thread when it first multiplies.
_BLAS_BYTES = 64 * 1024 * 1024


_Spec = Spec | PredictionSpec | BuildSpec | DeploySpec


class Emitter:
    """Reports events to the parent, and raises where the parent asked to stop.

    Parameters
    ----------
    stream : binary file
        Where events go, one a line.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._canceled = threading.Event()
        #: Stage that errors are put down to; the first one begins with the process.
        self.stage = "prepare"
        self._told: str | None = None

    def progress(self, stage: str, fraction: float, metrics: dict[str, float] | None = None) -> None:
        """Say where the job is.

        Parameters
        ----------
        stage : str
            prepare, train, quantize, evaluate, export, build, flash or verify.
        fraction : float
            0..1 of the stage.
        metrics : dict or None
            Figures so far.

        Raises
        ------
        JobCanceled
            The parent asked to stop.
        """
        self.tell(Progress(stage, fraction, metrics))

    def tell(self, progress: Progress) -> None:
        """Say where the job is, with all that is known; raises as `progress` does."""
        begins = progress.stage != self._told
        self.stage = self._told = progress.stage
        self.check()
        self.send(progress)
        if begins:
            faults.point(f"worker.{progress.stage}")

    def check(self) -> None:
        """Say nothing; raises as `progress` does."""
        if self._canceled.is_set():
            raise JobCanceled("canceled while it ran")

    def enter(self, stage: str) -> None:
        """Begin a stage without a word, where its first figures are soon there; raises as `progress` does.

        Progress is published once a second: a word now would keep the figures back.
        """
        self.stage = self._told = stage
        self.check()
        faults.point(f"worker.{stage}")

    def log(self, level: str, text: str) -> None:
        """Write a line into the job's log; `level` is debug, info, warn or error."""
        self.send(Log(level, text))

    def send(self, event: Event) -> None:
        """Report an event."""
        with self._lock:
            self._stream.write(msgspec.json.encode(event) + b"\n")
            self._stream.flush()

    def cancel(self) -> None:
        """Let the next `progress` raise."""
        self._canceled.set()


def main() -> int:
    """Run one job; returns the exit status."""
    _die_with_parent()
    # Libraries print to standard output; events have it for themselves.
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    emitter = Emitter(events)
    # Unbuffered: a thread that waits in a buffered reader would hold its lock when the process ends.
    orders = os.fdopen(os.dup(0), "rb", buffering=0)
    told = msgspec.json.decode(orders.readline(), type=_Spec | WarmUp)
    _limit(told.limits)
    spec = _wait_ready(told.limits, orders) if isinstance(told, WarmUp) else told
    if spec is None:
        return 0
    threading.Thread(target=_hear_parent, args=(orders, emitter), daemon=True).start()
    ending = _run(spec, emitter)
    emitter.send(ending)
    return 0 if isinstance(ending, Done) else 1


def _wait_ready(limits: WorkerLimits, orders: RawIOBase) -> _Spec | None:
    """Load what trains networks, and use it once: much of it gets ready only then. Then wait for the work."""
    from daemon.networks.warming import warm_up

    warm_up(limits.threads)
    line = orders.readline()
    return msgspec.json.decode(line, type=_Spec) if line else None


def _run(spec: _Spec, emitter: Emitter) -> Done | Failed:
    try:
        faults.point("worker.spec_read")
        work = _load(spec)
        _limit_memory(spec.limits, emitter)
        result = work(spec, emitter)
        faults.point("worker.before_done")
        return Done(result)
    except MemoryError:
        error: JobError = _out_of_memory()
    except JobError as raised:
        error = raised
    except OSError as raised:
        if not means_full_disk(raised):
            return _unexpected(raised, emitter)
        error = JobDiskFull("the disk is full: free some space", retryable=True)
    except Exception as raised:  # noqa: BLE001
        if not means_damage(raised):
            return _unexpected(raised, emitter)
        error = JobDatabaseDamaged(
            f"the database is damaged ({raised}): the daemon restarts and keeps what can be read; "
            "train again then, and import what was lost"
        )
    return _ended_by(error, emitter)


def _load(spec: _Spec) -> Callable[[Any, Emitter], dict[str, Any]]:
    """Import what does a piece of work, and the libraries that it needs: only here."""
    from daemon.trainers.table import ATK_TRAINERS, NETWORKS, TRAINERS

    if isinstance(spec, PredictionSpec):
        from daemon import prediction

        return prediction.run
    if isinstance(spec, BuildSpec):
        from daemon import packaging

        return packaging.run
    if isinstance(spec, DeploySpec):
        from daemon.deploy import job

        return job.run
    if spec.teaches is not None:
        from daemon.networks.akida import learning

        return learning.run
    if spec.learn_block["type"] in NETWORKS and spec.weights is not None:
        from daemon.networks import thresholds

        return thresholds.run
    if spec.learn_block["type"] in NETWORKS:
        from daemon.trainers.keras.runtime import load_tensorflow

        # What belongs to a script is loaded behind walls.
        if spec.script is None:
            load_tensorflow(spec.limits.threads, spec.seed)
        from daemon.networks import pipeline as network_pipeline

        return network_pipeline.run
    from daemon import pipeline
    from daemon.trainers.base import load_trainer

    load_trainer({**TRAINERS, **ATK_TRAINERS}[spec.learn_block["type"]])
    return pipeline.run


def _ended_by(error: JobError, emitter: Emitter) -> Failed:
    emitter.log("error", error.message)
    return Failed(error.code, error.message, error.stage or emitter.stage, error.retryable, error.details)


def _out_of_memory() -> WorkerOutOfMemory:
    return WorkerOutOfMemory(
        "training needs more memory than worker.memory_mb allows: train on less, or raise it", retryable=True
    )


def _unexpected(error: Exception, emitter: Emitter) -> Failed:
    emitter.log("error", traceback.format_exc())
    return Failed(JobError.code, f"unexpected {type(error).__name__}: {error}", emitter.stage, False)


def _hear_parent(orders: RawIOBase, emitter: Emitter) -> None:
    """Heed a word from the parent; its silence for good means that it died."""
    for line in iter(orders.readline, b""):
        if line.strip() == b"cancel":
            emitter.cancel()
    os._exit(1)


def _die_with_parent() -> None:
    """Ask the kernel to end this process with its parent, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit(limits: WorkerLimits) -> None:
    """Put the limits on that hold from the start: politeness, and first in line when memory runs out."""
    os.nice(limits.nice)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("800")
    except OSError as error:
        sys.stderr.write(f"oom_score_adj cannot be set: {error}\n")


def _limit_memory(limits: WorkerLimits, emitter: Emitter) -> None:
    """Limit what is used, by a look at it now and then, and what is reserved, by the kernel.

    Both from the moment that the libraries are loaded, with room for each thread's buffers: where
    OpenBLAS is refused memory it asks again without end, and the job would hang.
    """
    if limits.memory_bytes is None:
        return
    ceiling = _memory()["VmData"] + limits.memory_bytes + _BLAS_BYTES * (limits.threads + 2)
    # The softer of the two limits: a sandbox that is started from here has one of its own.
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, resource.RLIM_INFINITY))
    threading.Thread(target=_watch_memory, args=(limits.memory_bytes, emitter), daemon=True).start()


def _watch_memory(most: int, emitter: Emitter) -> None:
    """End the job once it uses more than `most` bytes."""
    while _memory()["RssAnon"] <= most:
        time.sleep(_WATCH_S)
    emitter.send(_ended_by(_out_of_memory(), emitter))
    os._exit(1)


def _memory() -> dict[str, int]:
    """Bytes that this process has reserved (``VmData``) and uses (``RssAnon``)."""
    with open("/proc/self/status", encoding="ascii") as file:
        lines = (line.split() for line in file)
        return {words[0][:-1]: int(words[1]) * 1024 for words in lines if words[0] in ("VmData:", "RssAnon:")}


if __name__ == "__main__":
    sys.exit(main())
