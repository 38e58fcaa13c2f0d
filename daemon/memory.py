"""How much memory there is: of the machine, or of the control group where it may have less."""

from __future__ import annotations

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_OWN_GROUP = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


def total_memory() -> int:
    """Bytes that there are in all."""
    group = _group_memory()
    total = _machine_memory()["MemTotal"]
    return total if group is None else min(total, group[0])


def available_memory() -> int:
    """Bytes that can be had without taking any from what runs."""
    group = _group_memory()
    available = _machine_memory()["MemAvailable"]
    return available if group is None else min(available, group[1])


def _machine_memory() -> dict[str, int]:
    lines = (line.split() for line in _MEMINFO.read_text(encoding="ascii").splitlines())
    return {words[0][:-1]: int(words[1]) * 1024 for words in lines if len(words) > 1}


def _group_memory() -> tuple[int, int] | None:
    """Limit of this process's control group and what is left of it; None where it has none."""
    try:
        for line in _OWN_GROUP.read_text(encoding="ascii").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "memory"):
                continue
            version1 = controllers == "memory"
            group = _GROUPS / ("memory" if version1 else "") / path.lstrip("/")
            limit = (group / ("memory.limit_in_bytes" if version1 else "memory.max")).read_text().strip()
            used = (group / ("memory.usage_in_bytes" if version1 else "memory.current")).read_text()
            if limit != "max":
                return int(limit), max(int(limit) - int(used), 0)
    except OSError:
        # No such file: the root group, or a kernel without the controller.
        pass
    return None
