"""A filter on system calls, assembled by hand: the kernel refuses what a training has no use for.

The programme is classic BPF over ``struct seccomp_data`` (``linux/seccomp.h``, ``linux/filter.h``): the
number of the call, the architecture, and six arguments of 64 bits, low half first on both architectures.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

from daemon.sandbox.kernel import (
    ARCHITECTURES,
    LAST_KNOWN,
    NUMBERS,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_SECCOMP,
    number,
    prctl,
)

_SECCOMP_MODE_FILTER = 2

_LOAD, _JUMP, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x05, 0x15, 0x25, 0x45, 0x06
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000

_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
#: ``AUDIT_ARCH_*`` of ``linux/audit.h``. Numbers of x32, another ABI of x86_64, are beyond the last known.
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_CLONE_THREAD = 0x00010000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

#: Refused whatever the arguments; by what it would be good for.
REFUSED = (
    # the network, and other processes' sockets; ``socketpair`` stays
    *("socket", "bind", "connect", "listen", "accept", "accept4"),
    # other programs and processes
    *("fork", "vfork", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev"),
    *("process_madvise", "process_mrelease", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp"),
    *("tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setpriority", "ioprio_set", "sched_setaffinity"),
    *("sched_setattr", "sched_setparam", "sched_setscheduler", "move_pages", "migrate_pages"),
    # the walls themselves
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount"),
    *("fspick", "move_mount", "open_tree", "mount_setattr", "name_to_handle_at", "open_by_handle_at"),
    *("mknod", "mknodat", "personality", "fanotify_init"),
    # memory that counts for no limit
    *("memfd_create", "memfd_secret", "shmget", "shmat", "semget", "msgget", "mq_open"),
    # parts of the kernel that are large, new, or none of a training's business
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("add_key", "request_key", "keyctl", "quotactl", "quotactl_fd", "acct", "syslog", "vhangup"),
    *("swapon", "swapoff", "reboot", "init_module", "finit_module", "delete_module", "kexec_load"),
    *("kexec_file_load", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname"),
    *("setdomainname", "iopl", "ioperm", "modify_ldt", "uselib", "ustat", "sysfs", "nfsservctl"),
    "lookup_dcookie",
)


@dataclass(frozen=True)
class Step:
    """One instruction; a jump to None goes to the next one.

    Parameters
    ----------
    code, operand : int
        As in ``struct sock_filter``.
    yes, no : str or None
        Labels to go on at.
    label : str or None
        Name of this instruction.
    """

    code: int
    operand: int = 0
    yes: str | None = None
    no: str | None = None
    label: str | None = None


def program(machine: str, process_id: int) -> bytes:
    """The filter for one process.

    Parameters
    ----------
    machine : str
        ``x86_64`` or ``aarch64``.
    process_id : int
        The process, which may signal itself and nobody else.

    Returns
    -------
    bytes
        Instructions of 8 bytes each.

    Raises
    ------
    ValueError
        The architecture is another one.
    """
    if machine not in ARCHITECTURES:
        raise ValueError(f"there is no filter for {machine}")
    steps = [
        Step(_LOAD, _ARCHITECTURE),
        Step(_EQUAL, _AUDIT[machine], no="kill"),
        Step(_LOAD, _NUMBER),
    ]
    known = {name: number(name, machine) for name in NUMBERS}
    steps += [Step(_EQUAL, call, yes="refuse") for name in REFUSED if (call := known[name]) is not None]
    for name, check in _by_arguments(process_id).items():
        end = f"after {name}"
        steps += [Step(_EQUAL, known[name] or 0, no=end), *check, Step(_JUMP, label=end)]
    steps += [
        # A call that is newer than this list is not there. glibc then does without, as it does for clone3,
        # whose flags a filter cannot see.
        Step(_EQUAL, known["clone3"] or 0, yes="absent"),
        Step(_GREATER, LAST_KNOWN, yes="absent"),
        Step(_RETURN, _ALLOW),
        Step(_RETURN, _ERRNO | errno.EPERM, label="refuse"),
        Step(_RETURN, _ERRNO | errno.ENOSYS, label="absent"),
        Step(_RETURN, _KILL, label="kill"),
        Step(_RETURN, _ALLOW, label="allow"),
    ]
    return _assemble(steps)


def install() -> None:
    """Put the filter on this thread and all that it starts, for good.

    Raises
    ------
    OSError
        The kernel has no filters.
    ValueError
        There is no filter for this architecture.
    """
    code = program(platform.machine(), os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header)


def _by_arguments(process_id: int) -> dict[str, list[Step]]:
    """Calls that are allowed or refused by their arguments, and how."""
    first, second = Step(_LOAD, _ARGUMENTS), Step(_LOAD, _ARGUMENTS + 8)
    only_itself = Step(_EQUAL, process_id, yes="allow", no="refuse")
    return {
        # Threads only: a process of its own would outlive what is counted.
        "clone": [first, Step(_ANY_BIT, _CLONE_THREAD, yes="allow", no="refuse")],
        # Itself only, which `abort` needs.
        "kill": [first, only_itself],
        "tgkill": [first, only_itself],
        # Its own limits, which can only be lowered.
        "prlimit64": [first, Step(_EQUAL, 0, yes="allow"), only_itself],
        # Nothing is typed into the terminal of whoever started the daemon.
        "ioctl": [
            second,
            Step(_EQUAL, _TIOCSTI, yes="refuse"),
            Step(_EQUAL, _TIOCLINUX, yes="refuse", no="allow"),
        ],
    }


def _assemble(steps: list[Step]) -> bytes:
    """Turn labels into distances."""
    places = {step.label: place for place, step in enumerate(steps) if step.label}

    def distance(place: int, label: str | None) -> int:
        return 0 if label is None else places[label] - place - 1

    return b"".join(
        struct.pack("=HBBI", step.code, distance(place, step.yes), distance(place, step.no), step.operand)
        for place, step in enumerate(steps)
    )
