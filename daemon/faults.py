"""Named points at which a test can make the process die, fail, hang or wait.

Off unless the environment variable ``TRAINERD_FAULT`` is set to ``<point>:<action>[:<count>]``, where
action is ``kill``, ``error``, ``hang``, ``full`` (no space left) or ``pause`` (until SIGCONT), and count
says at which passage (from 1) it strikes. Where ``TRAINERD_FAULT_ONCE`` names a file, it strikes in the one
process only that makes that file, and not in those that are started in its place. A daemon that loses
power does so at some line of code; these are the lines that matter.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time

POINTS = (
    "intake.received",
    "intake.before_commit",
    "intake.after_commit",
    "intake.after_ack",
    "job.before_start",
    "job.started",
    "job.worker_done",
    "job.promoted",
    "job.before_finish",
    "job.finished",
    "worker.spec_read",
    "worker.prepare",
    "worker.train",
    "worker.quantize",
    "worker.evaluate",
    "worker.export",
    "worker.build",
    "worker.flash",
    "worker.verify",
    "worker.before_done",
    "ports.asked",
    "ports.begun",
    "ports.flash",
    "ports.verify",
    "ports.before_done",
)

_plan = os.environ.get("TRAINERD_FAULT", "")
_once = os.environ.get("TRAINERD_FAULT_ONCE")
_passages = 0


def point(name: str) -> None:
    """Mark a place where a test may strike; nothing happens otherwise."""
    if not _plan.startswith(name + ":"):
        return
    global _passages
    _passages += 1
    action, _, count = _plan[len(name) + 1 :].partition(":")
    if _passages != int(count or 1) or not _is_first():
        return
    if action in ("kill", "pause"):
        os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
        return
    if action == "hang":
        sys.stderr.write(f"fault injected at {name}: it hangs\n")
        while True:
            time.sleep(3600)
    raise OSError(errno.ENOSPC if action == "full" else errno.EIO, f"fault injected at {name}")


def _is_first() -> bool:
    """Whether no other process has struck yet."""
    if _once is None:
        return True
    try:
        os.close(os.open(_once, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
