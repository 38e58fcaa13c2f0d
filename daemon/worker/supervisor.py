"""The parent's side of a worker: start it, hear it, stop it, and say how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from daemon.errors import JobCanceled, JobError, JobTimedOut, WorkerCrashed, WorkerKilled, WorkerOutOfMemory
from daemon.wire.worker import Done, Event, Failed, Log, Progress, Work, WorkerLimits, told_error
from daemon.worker.oom import oom_kills

#: Longest line that a worker may write.
_MAX_LINE = 4 * 1024 * 1024
#: Lines of standard error that are kept to explain a crash.
_MAX_TAIL = 20


async def run_worker(
    spec: Work,
    cancel: asyncio.Event,
    hear: Callable[[Progress | Log], None],
    *,
    timeout_s: float,
    grace_s: float,
    worker: asyncio.subprocess.Process | None = None,
) -> dict[str, Any]:
    """Work in a process of its own.

    Parameters
    ----------
    spec : Spec or PredictionSpec
        What to do.
    cancel : asyncio.Event
        Set to stop: the worker is asked, then gets SIGTERM, then SIGKILL.
    hear : callable
        Called with each Progress and Log.
    timeout_s : float
        Longest run in seconds, on the monotonic clock.
    grace_s : float
        Seconds between the steps of stopping.
    worker : Process, optional
        One that waits for work; it ends with this. Where left out, one is started.

    Returns
    -------
    dict
        The result that the worker reported.

    Raises
    ------
    JobError
        It was canceled, ran too long, failed by itself, or died.
    """
    oom_kills_before = oom_kills()
    process = await start_worker(spec.limits) if worker is None else worker
    assert process.stdin is not None
    tail: list[str] = []
    overdue = asyncio.Event()
    try:
        process.stdin.write(msgspec.json.encode(spec) + b"\n")
        watcher = asyncio.ensure_future(_stop_when_due(process, cancel, overdue, timeout_s, grace_s))
        listener = asyncio.ensure_future(_keep_tail(process, tail, hear))
        try:
            ending = await _listen(process, hear)
            status = await process.wait()
            await listener
        finally:
            watcher.cancel()
            listener.cancel()
    finally:
        kill_worker(process)
        process.stdin.close()
        await process.wait()
    if isinstance(ending, Done) and status == 0:
        return ending.result
    if cancel.is_set():
        raise JobCanceled("canceled while it ran")
    if overdue.is_set():
        raise JobTimedOut(
            f"ran longer than {timeout_s:g} s: raise jobs.timeout_s, or train on less", retryable=False
        )
    if isinstance(ending, Failed):
        raise told_error(ending)
    raise _explain_death(status, tail, out_of_memory=oom_kills() > oom_kills_before)


async def start_worker(limits: WorkerLimits) -> asyncio.subprocess.Process:
    """Start a process that waits for work."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "daemon.worker.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_MAX_LINE,
        start_new_session=True,
        env=_environment(limits.threads),
    )


def kill_worker(process: asyncio.subprocess.Process) -> None:
    """End a worker and whatever it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _listen(
    process: asyncio.subprocess.Process, hear: Callable[[Progress | Log], None]
) -> Done | Failed | None:
    """Pass events on until the worker closes its output; returns the one that ends the job."""
    assert process.stdout is not None
    decoder = msgspec.json.Decoder(Event)
    ending: Done | Failed | None = None
    while line := await _read_line(process.stdout):
        try:
            event = decoder.decode(line)
        except msgspec.MsgspecError:
            hear(Log("warn", line.decode(errors="replace").rstrip()))
            continue
        if isinstance(event, (Done, Failed)):
            ending = event
        else:
            hear(event)
    return ending


async def _keep_tail(
    process: asyncio.subprocess.Process, tail: list[str], hear: Callable[[Progress | Log], None]
) -> None:
    assert process.stderr is not None
    while line := await _read_line(process.stderr):
        text = line.decode(errors="replace").rstrip()
        tail.append(text)
        del tail[:-_MAX_TAIL]
        hear(Log("warn", text))


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """One line, or b"" at the end; a line over the limit is skipped."""
    while True:
        try:
            return await stream.readline()
        except ValueError:
            continue


async def _stop_when_due(
    process: asyncio.subprocess.Process,
    cancel: asyncio.Event,
    overdue: asyncio.Event,
    timeout_s: float,
    grace_s: float,
) -> None:
    """Stop the worker, ever less politely, when it is canceled or has run too long."""
    try:
        await asyncio.wait_for(cancel.wait(), timeout_s)
    except asyncio.TimeoutError:
        overdue.set()
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.write(b"cancel\n")
    for number in (signal.SIGTERM, signal.SIGKILL):
        await asyncio.sleep(grace_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _environment(threads: int) -> dict[str, str]:
    """The parent's environment without its secrets, with the thread caps of numeric libraries."""
    caps = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        # Without it joblib starts a program to count the cores, and warns where it finds none.
        "LOKY_MAX_CPU_COUNT",
    )
    # The daemon's thrifty allocator would slow down arithmetic on large arrays.
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET") and not name.startswith("MALLOC_")
    }
    return {**kept, **dict.fromkeys(caps, str(threads))}


def _explain_death(status: int, tail: list[str], *, out_of_memory: bool) -> JobError:
    """A worker that ended without a last word; `out_of_memory` where the kernel killed for want of it."""
    if status == -signal.SIGKILL and out_of_memory:
        return WorkerOutOfMemory(
            "the kernel killed the worker, for want of memory: train on less, or free memory", retryable=True
        )
    if status == -signal.SIGKILL:
        return WorkerKilled(
            "the worker was killed by SIGKILL, and not by the kernel for want of memory: "
            "look who did it, and try again",
            retryable=True,
        )
    if any("MemoryError" in line or "bad_alloc" in line for line in tail):
        return WorkerOutOfMemory(
            "the worker ended for want of memory: train on less, or raise worker.memory_mb", retryable=True
        )
    said = f": {tail[-1]}" if tail else ""
    how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"
    return WorkerCrashed(f"the worker ended {how}{said}", retryable=True)
