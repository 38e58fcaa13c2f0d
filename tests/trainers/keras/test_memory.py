"""What a training will take is known before it begins, and refused with the figures where it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon import memory
from daemon.errors import WorkerOutOfMemory
from daemon.trainers.keras import memory as network_memory
from daemon.trainers.keras.layers import settle_layers
from daemon.trainers.keras.memory import MemoryEstimate, check_memory, estimate_memory
from daemon.trainers.keras.shapes import place_layers
from daemon.trainers.table import NETWORKS, TRAINERS
from daemon.wire.keras import KerasVisualLayer as Layer

MIB = 2**20
SMALL = [Layer("dense", neurons=20), Layer("dense", neurons=10)]


def estimate(layers: list[Layer], rows: int = 1400, batch_size: int = 32) -> MemoryEstimate:
    return estimate_memory(place_layers(settle_layers(layers)[0], (64,)), (64,), 10, rows, batch_size)


def test_estimates_are_those_of_trainings_that_were_measured() -> None:
    """Anonymous memory of workers on x86-64 with TensorFlow 2.21, digits of 64 pixels; see `make bench`."""
    convolutions = [
        Layer("reshape", columns=8),
        Layer("conv2d", neurons=64, kernel_size=3, stack=3),
        Layer("flatten"),
    ]
    measured = {
        261: estimate(SMALL),
        869: estimate([Layer("dense", neurons=2000), Layer("dense", neurons=2000)]),
        381: estimate(convolutions, batch_size=512),
        301: estimate(SMALL, rows=42_000),
    }
    for mib, told in measured.items():
        assert mib * 0.9 < told.total / MIB < mib * 1.2, (mib, told)


def test_what_does_not_fit_is_refused_with_the_figures() -> None:
    wide = estimate([Layer("dense", neurons=2000), Layer("dense", neurons=2000)])
    with pytest.raises(WorkerOutOfMemory) as refused:
        check_memory(wide, 600 * MIB)
    assert str(refused.value).startswith("the training needs about 868 MiB (TensorFlow 270, weights 594, ")
    assert "a worker may use 600 MiB" in str(refused.value) and not refused.value.retryable
    check_memory(wide, 900 * MIB)


def test_what_is_not_free_is_refused_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_memory, "available_memory", lambda: 100 * MIB)
    check_memory(estimate(SMALL), None)
    with pytest.raises(WorkerOutOfMemory, match="100 MiB more are free") as refused:
        check_memory(estimate([Layer("dense", neurons=2000)] * 2), None)
    assert refused.value.retryable


def machine(path: Path, monkeypatch: pytest.MonkeyPatch, mib: int, group: str = "0::/\n") -> None:
    """Pretend a machine of so much memory: its kernel's files."""
    (path / "meminfo").write_text(f"MemTotal: {mib * 1024} kB\nMemAvailable: {mib * 1024 // 2} kB\n")
    (path / "cgroup").write_text(group)
    monkeypatch.setattr(memory, "_MEMINFO", path / "meminfo")
    monkeypatch.setattr(memory, "_OWN_GROUP", path / "cgroup")
    monkeypatch.setattr(memory, "_GROUPS", path / "groups")


@pytest.mark.parametrize(("mib", "fits"), [(427, False), (906, True)], ids=["512 MB", "1 GB"])
def test_a_small_board_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mib: int, fits: bool
) -> None:
    """Boards keep a part of their memory for the picture and the kernel."""
    machine(tmp_path, monkeypatch, mib)
    for entry in NETWORKS.values():
        told = entry.missing()
        if fits:
            assert told is None or "memory" not in told
        else:
            assert told is not None and "needs 690 MiB of memory, there are 427" in told
            assert "K-means or a GMM" in told
    assert all(entry.missing() is None for entry in TRAINERS.values())


@pytest.mark.parametrize(
    ("group", "folder", "names"),
    [
        ("0::/trainerd\n", "trainerd", ("memory.max", "memory.current")),
        ("4:memory:/trainerd\n", "memory/trainerd", ("memory.limit_in_bytes", "memory.usage_in_bytes")),
    ],
    ids=["v2", "v1"],
)
def test_a_control_group_has_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, folder: str, names: tuple[str, str]
) -> None:
    machine(tmp_path, monkeypatch, 8000, group)
    (tmp_path / "groups" / folder).mkdir(parents=True)
    for name, mib in zip(names, (512, 200), strict=True):
        (tmp_path / "groups" / folder / name).write_text(f"{mib * MIB}\n")
    assert (memory.total_memory(), memory.available_memory()) == (512 * MIB, 312 * MIB)


def test_a_group_without_a_limit_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(tmp_path, monkeypatch, 8000, "0::/trainerd\n")
    (tmp_path / "groups" / "trainerd").mkdir(parents=True)
    (tmp_path / "groups" / "trainerd" / "memory.max").write_text("max\n")
    (tmp_path / "groups" / "trainerd" / "memory.current").write_text("5\n")
    assert memory.total_memory() == 8000 * MIB
