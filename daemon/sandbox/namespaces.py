"""Walls of namespaces, without any tool: what bubblewrap does, for machines that do not have it.

A process gets file system, network, processes and System V objects of its own. Without privileges that
needs a user namespace; as root it does not, and root is then left behind for good.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import struct
from pathlib import Path

from daemon.sandbox.kernel import PR_CAPBSET_DROP, PR_SET_PDEATHSIG, call, prctl
from daemon.sandbox.view import DEVICES, SCRATCH

_NEWNS, _NEWCGROUP, _NEWUTS = 0x00020000, 0x02000000, 0x04000000
_NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
_EVERYTHING = _NEWNS | _NEWCGROUP | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET

_NOSUID, _NODEV, _NOEXEC = 0x2, 0x4, 0x8
_BIND, _REC, _PRIVATE = 0x1000, 0x4000, 0x40000
_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 0x1, 0x2, 0x4

_CAPABILITY_VERSION = 0x20080522

#: The user ``nobody``: owns nothing.
_NOBODY = 65534

_ROOT = Path("/tmp")  # noqa: S108 - anything that is there; it is covered before it is filled


def enter(readable: list[Path], scratch_bytes: int) -> None:
    """Go behind the walls; returns in the first process of the new process namespace.

    The caller itself stays outside, waits for that process, and ends as it ends.

    Parameters
    ----------
    readable : list of Path
        What of the file system can be read, outermost first.
    scratch_bytes : int
        Size of the scratch, which is the only place that can be written.

    Raises
    ------
    OSError
        The kernel, or its administrator, does not let this process make namespaces.
    """
    user, group = os.geteuid(), os.getegid()
    privileged = user == 0
    call("unshare", _EVERYTHING if privileged else _EVERYTHING | _NEWUSER)
    if not privileged:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{_NOBODY} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{_NOBODY} {group} 1", encoding="ascii")
    die_with_parent()
    if inner := os.fork():
        os._exit(_end_of(inner))
    _build_root(readable, scratch_bytes)
    _become_nobody(privileged=privileged)
    # A change of the user or of its capabilities takes it off, so it comes last.
    die_with_parent()


def die_with_parent() -> None:
    """Ask the kernel to end this process with the one that started it."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_of(inner: int) -> int:
    """How a process ended, as an exit status."""
    _, status = os.waitpid(inner, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _build_root(readable: list[Path], scratch_bytes: int) -> None:
    """Replace the file system by an empty one in which only `readable` and a scratch appear."""
    _mount(None, Path("/"), None, _REC | _PRIVATE)
    # Opened now: the new file system is put together on top of a directory, which then leads elsewhere.
    sources = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in readable]
    devices = [(Path(path), os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in DEVICES]
    _mount("tmpfs", _ROOT, "tmpfs", _NOSUID | _NODEV, "mode=755,size=1m")
    scratch = _inside(SCRATCH)
    scratch.mkdir()
    _mount("tmpfs", scratch, "tmpfs", _NOSUID | _NODEV | _NOEXEC, f"mode=1777,size={scratch_bytes}")
    for path, source in sources:
        _bind(path, source)
        _set_attributes(_inside(path), _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, _AT_RECURSIVE)
    for path, source in devices:
        _bind(path, source)
    for name in ("old", "proc"):
        _inside(Path("/") / name).mkdir()
    call("pivot_root", os.fsencode(_ROOT), os.fsencode(_inside(Path("/old"))))
    os.chdir("/")
    # Refused where the machine's own is covered in part, as in most containers.
    _mount("proc", Path("/proc"), "proc", _NOSUID | _NODEV | _NOEXEC)
    call("umount2", b"/old", _DETACH)
    Path("/old").rmdir()
    _set_attributes(Path("/"), _ATTR_RDONLY)
    os.chdir(SCRATCH)


def _inside(path: Path) -> Path:
    """Where a path of the new file system lies while that is put together."""
    return _ROOT / path.relative_to("/")


def _bind(path: Path, source: int) -> None:
    """Let an open file or directory appear in the new file system."""
    place = _inside(path)
    if stat.S_ISDIR(os.fstat(source).st_mode):
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    _mount(f"/proc/self/fd/{source}", place, None, _BIND | _REC)
    os.close(source)


def _set_attributes(place: Path, attributes: int, flags: int = 0) -> None:
    """Add attributes to a mount; with all that is mounted below it where `flags` says so."""
    wanted = struct.pack("=4Q", attributes, 0, 0, 0)
    call("mount_setattr", _AT_FDCWD, os.fsencode(place), flags, wanted, len(wanted))


def _become_nobody(*, privileged: bool) -> None:
    """Give up every capability that the user namespace, or root, brought."""
    with contextlib.suppress(OSError):  # behind the last one
        for capability in range(64):
            prctl(PR_CAPBSET_DROP, capability)
    if privileged:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    call("capset", struct.pack("=Ii", _CAPABILITY_VERSION, 0), bytes(24))


def _mount(
    source: str | None, target: Path, kind: str | None, flags: int, options: str | None = None
) -> None:
    try:
        call("mount", _text(source), os.fsencode(target), _text(kind), flags, _text(options))
    except OSError as error:
        raise OSError(error.errno, f"mounting {target}: {error.strerror}") from error


def _text(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)
