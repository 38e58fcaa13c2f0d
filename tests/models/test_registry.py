"""Versions on disk: they appear whole, one is current, old ones go, interrupted steps leave nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from daemon.errors import Conflict, NotFound
from daemon.models.registry import Registry
from tests.versions import half_written, visible_versions


def stage(state_dir: Path, job_id: int, version: int, content: bytes = b"the model") -> Path:
    """A complete version, as a worker leaves it."""
    staging = state_dir / "work" / str(job_id) / "version"
    (staging / "c").mkdir(parents=True)
    files = {"model.npz": content, "c/model.h": b"header"}
    for name, data in files.items():
        (staging / name).write_bytes(data)
    manifest = {
        "version": version,
        "jobId": job_id,
        "files": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        },
    }
    (staging / "manifest.json").write_text(json.dumps(manifest))
    return staging


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def add(registry: Registry, state_dir: Path, count: int = 1) -> None:
    for _ in range(count):
        number = registry.next_version(1, 7)
        registry.promote(stage(state_dir, 100 + number, number), 1, 7, number)


def test_a_version_appears_whole_and_becomes_the_current_one(registry: Registry, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    registry.watchers.append(lambda project_id, learn_id: heard.append((project_id, learn_id)))
    assert registry.versions(1, 7) == [] and registry.current(1, 7) is None
    add(registry, tmp_path, 2)
    assert registry.versions(1, 7) == [1, 2] and registry.current(1, 7) == 2
    assert registry.currents() == [(1, 7, 2)]
    assert registry.current_manifest(1, 7)["jobId"] == 102
    assert heard == [(1, 7), (1, 7)]
    assert half_written(tmp_path) == []
    assert (tmp_path / "projects/1/models/7/current").readlink() == Path("2")


def test_rolling_back(registry: Registry, tmp_path: Path) -> None:
    for choose in (registry.kept_before, lambda project, learn: registry.kept(project, learn, None)):
        with pytest.raises(NotFound, match="has not been trained yet"):
            choose(1, 7)
    add(registry, tmp_path, 3)
    for earlier in (2, 1):
        assert registry.kept_before(1, 7) == earlier
        registry.use(1, 7, earlier)
        assert registry.kept(1, 7, None) == registry.current(1, 7) == earlier
    with pytest.raises(Conflict, match="oldest that is kept"):
        registry.kept_before(1, 7)
    for choose_wrongly in (registry.kept, registry.use):
        with pytest.raises(NotFound, match="version 9 is not kept; kept are 1, 2, 3"):
            choose_wrongly(1, 7, 9)
    registry.use(1, 7, 3)
    assert registry.kept(1, 7, 2) == 2 and registry.current(1, 7) == 3
    # A number is not used again, whatever is in use.
    registry.use(1, 7, 1)
    assert registry.next_version(1, 7) == 4


def test_old_versions_go_and_the_one_in_use_stays(registry: Registry, tmp_path: Path) -> None:
    add(registry, tmp_path, 5)
    registry.use(1, 7, 1)
    registry.prune(1, 7, keep=2)
    assert registry.versions(1, 7) == [1, 4, 5]
    registry.use(1, 7, 5)
    registry.prune(1, 7, keep=2)
    assert registry.versions(1, 7) == [4, 5]
    registry.prune(1, 7, keep=2)
    assert visible_versions(tmp_path) == {(1, 7): [4, 5]} and half_written(tmp_path) == []


def test_a_version_whose_job_was_cut_off_is_found_again(registry: Registry, tmp_path: Path) -> None:
    add(registry, tmp_path, 2)
    # Cut off between the version's appearance and its coming into use.
    stage(tmp_path, 103, 3).rename(tmp_path / "projects/1/models/7/3")
    assert registry.current(1, 7) == 2
    assert registry.adopt(1, 7, 999) is None and registry.current(1, 7) == 2
    assert registry.adopt(1, 7, 103) == 3 and registry.current(1, 7) == 3
    assert registry.adopt(1, 8, 103) is None


def test_what_an_interrupted_step_left_is_removed(registry: Registry, tmp_path: Path) -> None:
    add(registry, tmp_path, 2)
    block = tmp_path / "projects/1/models/7"
    (block / "1").rename(block / ".1.removed")
    (block / ".current.new").symlink_to("1")
    registry.remove_strays()
    assert sorted(path.name for path in block.iterdir()) == ["2", "current"]
    assert half_written(tmp_path) == []


def test_a_file_is_read_in_parts(registry: Registry, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10
    registry.promote(stage(tmp_path, 1, 1, content), 1, 7, 1)
    parts = [registry.read(1, 7, 1, "model.npz", offset, 1000) for offset in range(0, 3000, 1000)]
    assert b"".join(part.data for part in parts) == content
    assert {(part.size, part.sha256) for part in parts} == {(2560, hashlib.sha256(content).hexdigest())}
    assert registry.read(1, 7, 1, "model.npz", 2**53 - 1, 10).data == b""
    assert registry.read(1, 7, 1, "model.npz", 5, 0).data == b""
    manifest = registry.read(1, 7, 1, "manifest.json", 0, 100_000)
    assert json.loads(manifest.data)["jobId"] == 1 and len(manifest.data) == manifest.size


@pytest.mark.parametrize("name", ["../../../../../etc/passwd", "/etc/passwd", "", ".", "c", "c/../model.npz"])
def test_only_files_of_the_manifest_are_read(registry: Registry, tmp_path: Path, name: str) -> None:
    add(registry, tmp_path)
    with pytest.raises(NotFound):
        registry.read(1, 7, 1, name, 0, 10)
    with pytest.raises(NotFound, match="no version 2"):
        registry.read(1, 7, 2, "model.npz", 0, 10)


def test_a_damaged_version_hides_no_other(registry: Registry, tmp_path: Path) -> None:
    add(registry, tmp_path, 3)
    (tmp_path / "projects/1/models/7/3/manifest.json").write_bytes(b'{"files": {"model')
    (tmp_path / "projects/1/models/7/2/manifest.json").unlink()
    with pytest.raises(NotFound, match=r"3/manifest\.json is damaged"):
        registry.current_manifest(1, 7)
    assert [manifest["version"] for manifest in registry.manifests(1, 7)] == [1]
    assert registry.adopt(1, 7, 103) is None and registry.adopt(1, 7, 101) == 1
    assert registry.next_version(1, 7) == 4
