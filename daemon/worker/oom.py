"""Whether the kernel has killed something for want of memory: the signal alone does not say."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/proc/self/cgroup")
_CGROUP_ROOT = Path("/sys/fs/cgroup")
_SYSTEM = Path("/proc/vmstat")


def oom_kills() -> int:
    """Processes that the kernel has killed for want of memory so far; only differences mean something.

    Of the daemon's control group, to which its workers belong, where the kernel keeps such groups; else
    of the whole machine. 0 where nothing is counted.
    """
    for path in (*_group_counters(), _SYSTEM):
        try:
            counts = dict(line.split() for line in path.read_text().splitlines())
        except (OSError, ValueError):
            continue
        if "oom_kill" in counts:
            return int(counts["oom_kill"])
    return 0


def _group_counters() -> list[Path]:
    """The file that counts for the daemon's control group, in cgroup v2."""
    try:
        lines = _CGROUP.read_text().splitlines()
    except OSError:
        return []
    groups = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    return [_CGROUP_ROOT / group / "memory.events" for group in groups]
