"""The walls around this process: put up from inside, in the order in which each still can be."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from daemon.sandbox import landlock, limits, namespaces, seccomp, view
from daemon.wire.sandbox import Order

#: Kind of wall to what it is, for people.
KINDS = {
    "unit": "a systemd unit of its own: no network, private files, memory and tasks counted",
    "bubblewrap": "bubblewrap: files, network and processes of its own",
    "namespaces": "namespaces: files, network and processes of its own",
    "landlock": "no namespaces",
}


def enter(order: Order) -> list[str]:
    """Go behind the walls for good.

    With namespaces of its own making the caller returns as another process; see `namespaces.enter`.

    Parameters
    ----------
    order : Order
        Which walls, and what stays in reach.

    Returns
    -------
    list of str
        What the walls consist of, for people.

    Raises
    ------
    OSError
        Walls of this kind cannot be had here.
    """
    readable = view.readable_paths(map(Path, order.modules))
    if order.wall == "namespaces":
        namespaces.enter(readable, order.bounds.scratch_bytes)
    layers = [KINDS[order.wall]]
    limits.set_first(order.bounds)
    layers.append("limits on memory, time, files and threads")
    try:
        version = landlock.restrict([*readable, *_about_this_process()], _writable(order))
        layers.append(f"Landlock {version}")
    except OSError:
        if order.wall == "landlock":
            raise
    with contextlib.suppress(OSError, ValueError):
        seccomp.install()
        layers.append("seccomp: no sockets, no processes")
    return layers


def _writable(order: Order) -> list[Path]:
    return [Path(order.scratch), *map(Path, view.DEVICES)]


def _about_this_process() -> list[Path]:
    """What numeric libraries ask the kernel about themselves and the machine; of nobody else."""
    own = Path("/proc") / str(os.getpid())
    return [
        own,
        Path("/proc/cpuinfo"),
        Path("/proc/meminfo"),
        Path("/proc/stat"),
        Path("/sys/devices/system/cpu"),
    ]
