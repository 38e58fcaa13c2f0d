"""A control group with little memory, where the kernel itself kills who takes too much."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
#: Where groups are made, and the file that limits one: cgroup v1, and v2.
_KINDS = ((_ROOT / "memory", "memory.limit_in_bytes"), (_ROOT, "memory.max"))


@contextmanager
def memory_group(limit: int) -> Iterator[Path | None]:
    """A group whose processes get `limit` bytes in all; None where this user or this kernel makes none.

    Write a process id to the file ``cgroup.procs`` in it. All its processes must have ended at the end.
    """
    for root, name in _KINDS:
        group = root / f"trainerd-test-{uuid.uuid4().hex[:8]}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / name).exists():
                (group / name).write_text(str(limit))
                yield group
                return
        finally:
            group.rmdir()
    yield None
