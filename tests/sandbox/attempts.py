"""What runs in a sandbox in these tests: any text, as a hostile script would, and a list of ways out.

Imported behind the walls, where only the standard library and the daemon can be seen.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)


def run(job: dict[str, Any]) -> Callable[[dict[str, bytes], Path, Any], tuple[Any, Any]]:
    """Execute ``job["code"]``; what it leaves in ``result`` and ``made`` is handed back."""

    def work(files: dict[str, bytes], scratch: Path, teller: Any) -> tuple[Any, Any]:
        scope: dict[str, Any] = {"files": files, "scratch": scratch, "teller": teller, "ways_out": ways_out}
        scope.update(result={}, made={})
        exec(job["code"], scope)
        return scope["result"], scope["made"]

    return work


def ways_out(
    parent: int, port: int, unix: str, abstract: str, secret: str, outside: str
) -> dict[str, Callable[[], object]]:
    """Everything that must raise: name to attempt.

    Parameters
    ----------
    parent : int
        A process of the same user outside.
    port, unix, abstract : int, str, str
        Where somebody listens outside.
    secret : str
        A file outside that its user may read.
    outside : str
        A directory outside that its user may write.
    """

    def connect(family: int, address: Any, kind: int = socket.SOCK_STREAM) -> None:
        with socket.socket(family, kind) as link:
            link.settimeout(2)
            link.connect(address)
            link.send(b"hello")

    def system(number: str, *arguments: object) -> None:
        from daemon.sandbox.kernel import call

        call(number, *arguments)

    def checked(result: int) -> None:
        if result < 0:
            raise OSError(ctypes.get_errno(), "refused")

    def others() -> None:
        seen = {int(path.name) for path in Path("/proc").glob("[0-9]*")} - {1, os.getpid()}
        if not seen:
            raise OSError("nobody is there")

    ways: dict[str, Callable[[], object]] = {
        "connect over IPv4": lambda: connect(socket.AF_INET, ("127.0.0.1", port)),
        "connect over IPv6": lambda: connect(socket.AF_INET6, ("::1", port)),
        "send over UDP": lambda: connect(socket.AF_INET, ("127.0.0.1", port), socket.SOCK_DGRAM),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)),
        "ask a name server": lambda: socket.gethostbyname("trainerd.example"),
        "connect to the daemon's socket": lambda: connect(socket.AF_UNIX, unix),
        "connect to an abstract socket": lambda: connect(socket.AF_UNIX, "\0" + abstract),
        "open a raw packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "read a file": lambda: Path(secret).read_bytes(),
        "list its directory": lambda: list(Path(secret).parent.iterdir()),
        "read a file through its parent": lambda: Path(f"/proc/{parent}/root{secret}").read_bytes(),
        "read a file through init": lambda: Path(f"/proc/1/root{secret}").read_bytes(),
        "read a file through its own root": lambda: Path(f"/proc/self/root{secret}").read_bytes(),
        "read a password file": lambda: Path("/etc/shadow").read_bytes(),
        "read its parent's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "read its parent's memory": lambda: Path(f"/proc/{parent}/mem").read_bytes(),
        "see other processes": others,
        "write outside": lambda: Path(outside, "mark").write_text("was here"),
        "link outside": lambda: os.link(__file__, f"{outside}/mark"),
        "change its libraries": lambda: Path(sys.prefix, "mark").write_text("was here"),
        "change the daemon": lambda: os.truncate(__file__, 0),
        "change the system": lambda: Path("/usr/mark").write_text("was here"),
        "write shared memory": lambda: Path("/dev/shm/mark").write_text("was here"),
        "change the kernel": lambda: Path("/proc/sys/kernel/core_pattern").write_text("|/bin/sh"),
        "go first when memory runs out": lambda: Path("/proc/self/oom_score_adj").write_text("-1000"),
        "fork": os.fork,
        "start a program": lambda: subprocess.run(["/bin/true"], check=True),
        "become another program": lambda: os.execv("/bin/true", ["true"]),
        "signal its parent": lambda: os.kill(parent, 0),
        "signal everybody": lambda: os.kill(-1, 0),
        "signal its group": lambda: os.kill(0, 0),
        "trace its parent": lambda: checked(LIBC.ptrace(16, parent, 0, 0)),
        "read memory of its parent": lambda: system("process_vm_readv", parent, None, 0, None, 0, 0),
        "limit its parent": lambda: resource.prlimit(parent, resource.RLIMIT_CPU),
        "hold its parent": lambda: os.pidfd_open(parent),
        "slow its parent down": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
        "raise its limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)),
        "become root": lambda: os.setuid(0) if os.getuid() else os.setuid(-2),
        "mount": lambda: system("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "unmount": lambda: system("umount2", b"/tmp", 2),
        "change its root": lambda: os.chroot("/tmp"),
        "make namespaces": lambda: system("unshare", 0x10000000),
        "clone into a namespace": lambda: system("clone", 0x10000000 | 17, None, None, None, None),
        "clone in the new way": lambda: system("clone3", bytes(88), 88),
        "make a device": lambda: os.mknod("/tmp/device", 0o20600, os.makedev(1, 1)),
        "keep memory that nobody counts": lambda: os.memfd_create("hoard"),
        "keep System V memory": lambda: system("shmget", 0, 4096, 0o1600),
        "load a program into the kernel": lambda: system("bpf", 0, None, 0),
        "queue work in the kernel": lambda: system("io_uring_setup", 1, bytes(120)),
        "type into the terminal": lambda: __import__("fcntl").ioctl(1, 0x5412, b"x"),
    }
    return ways


def hoard(size: int) -> list[mmap.mmap]:
    """Fill shared memory, which no limit on data counts."""
    kept = []
    while True:
        kept.append(mmap.mmap(-1, size))
        kept[-1].write(b"x" * size)
