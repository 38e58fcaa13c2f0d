"""What the kernel counts for a process in a sandbox."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

from daemon.wire.script import Bounds

_OPEN_FILES = 256
#: Threads beside those that are asked for: TensorFlow's pools, one for each kind of work.
_MORE_THREADS = 128
#: Address space that a thread reserves and does not use.
_THREAD_BYTES = 16 * 1024 * 1024


def set_first(bounds: Bounds) -> None:
    """Limit what does not depend on the libraries: files, time, threads."""
    # The parent's own one would already be met by what the libraries reserve.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, bounds.scratch_bytes)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_MEMLOCK, 0)
    _lower(resource.RLIMIT_MSGQUEUE, 0)
    _lower(resource.RLIMIT_CPU, int(bounds.wall_s * (bounds.threads + 1)) + 1)
    _lower(resource.RLIMIT_NPROC, _threads_of_this_user() + bounds.threads + _MORE_THREADS)


def set_memory(bounds: Bounds) -> None:
    """Limit memory, once the libraries are loaded, which reserve much that they do not use.

    Private memory is counted as such; what is shared, and so counts for nobody, as address space.
    """
    now = _status("VmData:")
    room = bounds.memory_bytes + _THREAD_BYTES * (bounds.threads + 8)
    _lower(resource.RLIMIT_DATA, now + room)
    _lower(resource.RLIMIT_AS, _status("VmSize:") + 2 * room)


def _lower(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (value, value))


def _threads_of_this_user() -> int:
    """Threads that count already, of the processes that can be seen from here."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == os.getuid():
                count += len(list((process / "task").iterdir()))
    return count


def _status(name: str) -> int:
    """A figure of this process, in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
