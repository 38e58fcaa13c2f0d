"""Before code is let in, the walls are tried from inside: what should be closed is closed, or it is said."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path


def gaps(closed: Iterable[Path], scratch: Path) -> list[str]:
    """What can be reached although it must not be.

    Parameters
    ----------
    closed : iterable of Path
        Files and directories that must not be readable.
    scratch : Path
        The only directory that may be writable.

    Returns
    -------
    list of str
        One sentence for each gap; empty where the walls hold.
    """
    found = [f"{path} can be read" for path in closed if _readable(path)]
    found += [f"{place} can be written" for place in _outside(scratch) if _writable(place)]
    if _network():
        found.append("the network can be reached")
    return found


def _readable(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _outside(scratch: Path) -> list[Path]:
    """Directories that somebody might want to write, and that are not the scratch."""
    places = {Path("/"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path(sys.prefix)}  # noqa: S108
    return sorted(place for place in places if place != scratch and scratch not in place.parents)


def _writable(place: Path) -> bool:
    trial = place / f".trainerd-{os.getpid()}"
    try:
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:
        return False
    with contextlib.suppress(OSError):
        trial.unlink()
    return True


def _network() -> bool:
    """Whether there is any network but a loopback of its own."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return any(name != "lo" for _, name in socket.if_nameindex())
