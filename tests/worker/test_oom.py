"""The kernel's own count of kills for want of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.worker import oom


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files as the kernel shows them: cgroup v2, and the machine's own count."""
    (tmp_path / "cgroup").write_text("0::/system.slice/trainerd.service\n")
    group = tmp_path / "groups/system.slice/trainerd.service"
    group.mkdir(parents=True)
    (group / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    (tmp_path / "vmstat").write_text("pgfault 7\noom_kill 5\n")
    monkeypatch.setattr(oom, "_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(oom, "_CGROUP_ROOT", tmp_path / "groups")
    monkeypatch.setattr(oom, "_SYSTEM", tmp_path / "vmstat")
    return group


def test_the_daemons_own_group_is_asked_first(kernel: Path) -> None:
    assert oom.oom_kills() == 2


def test_the_machine_is_asked_where_the_group_does_not_count(kernel: Path, tmp_path: Path) -> None:
    (kernel / "memory.events").unlink()
    assert oom.oom_kills() == 5
    (tmp_path / "cgroup").write_text("4:memory:/\n")
    assert oom.oom_kills() == 5


def test_nothing_is_counted_where_the_kernel_says_nothing(kernel: Path, tmp_path: Path) -> None:
    (kernel / "memory.events").unlink()
    (tmp_path / "vmstat").unlink()
    (tmp_path / "cgroup").unlink()
    assert oom.oom_kills() == 0
