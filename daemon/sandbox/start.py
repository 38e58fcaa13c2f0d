"""The parent's side, first half: start a process behind each kind of wall, or connect to one."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from daemon.sandbox import landlock, view
from daemon.wire.script import Bounds

_INSIDE = (sys.executable, "-m", "daemon.sandbox.inside")


@dataclass(frozen=True)
class Link:
    """A process in a sandbox, as its parent holds it.

    Parameters
    ----------
    socket : socket
        What it is told and what it tells; its prints are there too.
    process : Popen or None
        The process; None where systemd has started it.
    """

    socket: socket.socket
    process: subprocess.Popen[bytes] | None

    def end(self) -> int | None:
        """Kill it, and say how it ended where that is known: an exit status, or minus a signal."""
        self.socket.close()
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        return self.process.wait()


@dataclass(frozen=True)
class Place:
    """Where a sandbox is, as far as walls differ by it.

    Parameters
    ----------
    modules : list of Path
        Directories beside the interpreter's own that may be read and imported from.
    scratch : Path
        An empty directory on disk, for walls that hide nothing.
    socket : Path
        Where systemd listens for the unit.
    bounds : Bounds
        What may be used.
    """

    modules: list[Path]
    scratch: Path
    socket: Path
    bounds: Bounds


@dataclass(frozen=True)
class Wall:
    """A kind of wall.

    Parameters
    ----------
    name : str
        As in an `Order`.
    missing : callable
        Socket of the unit -> why it cannot be had, as far as that is seen without a try; None where it may.
    start : callable
        Place -> a process behind it, or on its way.
    hides : bool
        Whether the scratch is a file system of its own; else the directory on disk is.
    """

    name: str
    missing: Callable[[Path], str | None]
    start: Callable[[Place], Link]
    hides: bool = True

    def scratch(self, place: Place) -> Path:
        """The directory that may be written, as the code sees it."""
        return view.SCRATCH if self.hides else place.scratch


def _no_unit(socket_path: Path) -> str | None:
    return None if socket_path.is_socket() else f"systemd does not listen on {socket_path}"


def _connect(place: Place) -> Link:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(str(place.socket))
    return Link(link, None)


def _no_bubblewrap(socket_path: Path) -> str | None:
    if _bubblewrap() is None:
        return "bubblewrap is not installed: apt-get install bubblewrap"
    return None


@functools.cache
def _bubblewrap() -> str | None:
    return shutil.which("bwrap")


def _start_bubblewrap(place: Place) -> Link:
    shown = [
        word for path in view.readable_paths(place.modules) for word in ("--ro-bind", str(path), str(path))
    ]
    scratch = str(view.SCRATCH)
    size = str(place.bounds.scratch_bytes)
    return _start(
        place,
        view.SCRATCH,
        *(_bubblewrap() or "bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"),
        *("--uid", "65534", "--gid", "65534", "--hostname", "sandbox"),
        *("--size", size, "--tmpfs", scratch, *shown, "--dev", "/dev", "--proc", "/proc"),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", scratch),
    )


def _no_namespaces(socket_path: Path) -> str | None:
    if os.geteuid() == 0:
        return None
    for name in ("user/max_user_namespaces", "kernel/unprivileged_userns_clone"):
        with contextlib.suppress(OSError):
            if Path("/proc/sys", name).read_text(encoding="ascii").strip() == "0":
                return f"namespaces are for root alone: sysctl {name.replace('/', '.')} is 0"
    return None


def _no_landlock(socket_path: Path) -> str | None:
    return None if landlock.version() else "Landlock is not in this kernel, or off"


def _start(place: Place, scratch: Path, *before: str) -> Link:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [*before, *_INSIDE],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=theirs.fileno(),
            env=view.environment(scratch, place.bounds.threads),
            cwd="/",
        )
    return Link(ours, process)


#: In the order in which they are tried.
WALLS = (
    Wall("unit", _no_unit, _connect),
    Wall("bubblewrap", _no_bubblewrap, _start_bubblewrap),
    Wall("namespaces", _no_namespaces, lambda place: _start(place, view.SCRATCH)),
    Wall("landlock", _no_landlock, lambda place: _start(place, place.scratch), hides=False),
)
