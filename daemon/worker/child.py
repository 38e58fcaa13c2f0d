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
import traceback
from io import RawIOBase
from typing import Any, BinaryIO

import msgspec

from daemon import faults
from daemon.errors import JobCanceled, JobDiskFull, JobError, WorkerOutOfMemory, means_full_disk
from daemon.wire.worker import Done, Event, Failed, Log, Progress, Spec, WorkerLimits

_PR_SET_PDEATHSIG = 1


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
            prepare, train, quantize, evaluate or export.
        fraction : float
            0..1 of the stage.
        metrics : dict or None
            Figures so far.

        Raises
        ------
        JobCanceled
            The parent asked to stop.
        """
        begins = stage != self._told
        self.stage = self._told = stage
        if self._canceled.is_set():
            raise JobCanceled("canceled while it ran")
        self.send(Progress(stage, fraction, metrics=metrics))
        if begins:
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
    spec = msgspec.json.decode(orders.readline(), type=Spec)
    _limit(spec.limits)
    threading.Thread(target=_hear_parent, args=(orders, emitter), daemon=True).start()
    ending = _run(spec, emitter)
    emitter.send(ending)
    return 0 if isinstance(ending, Done) else 1


def _run(spec: Spec, emitter: Emitter) -> Done | Failed:
    try:
        faults.point("worker.spec_read")
        from daemon import pipeline  # numpy and scikit-learn come with it: only here

        result: dict[str, Any] = pipeline.run(spec, emitter)
        faults.point("worker.before_done")
        return Done(result)
    except MemoryError:
        error: JobError = WorkerOutOfMemory(
            "training needs more memory than worker.memory_mb allows: train on less, or raise it",
            retryable=True,
        )
    except JobError as raised:
        error = raised
    except OSError as raised:
        if not means_full_disk(raised):
            return _unexpected(raised, emitter)
        error = JobDiskFull("the disk is full: free some space", retryable=True)
    except Exception as raised:  # noqa: BLE001
        return _unexpected(raised, emitter)
    return Failed(error.code, error.message, error.stage or emitter.stage, error.retryable, error.details)


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
    """Put the limits on: politeness, memory, and first in line when memory runs out."""
    os.nice(limits.nice)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if limits.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("800")
    except OSError as error:
        sys.stderr.write(f"oom_score_adj cannot be set: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
