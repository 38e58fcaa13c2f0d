"""Backup beside a running daemon, and putting it back, whatever is cut off."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from daemon.errors import ArchiveInvalid, StateError
from daemon.schema import MIGRATIONS
from daemon.state.archive import write_archive
from daemon.state.restoring import restore
from daemon.state.swap import finish_restore
from tests.cli.command import result_of, trainerd
from tests.harness import Broker, Daemon
from tests.scenario import GMM, KMEANS, set_up_project, train, wait_for_end


@pytest.fixture(scope="module")
def state(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stopped daemon's state directory: a project with two versions of a model."""
    daemon = Daemon(tmp_path_factory.mktemp("filled"), broker.port, device="backed-up")
    daemon.start()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        set_up_project(client)
        for _ in range(2):
            assert wait_for_end(client, train(client))["state"] == "SUCCEEDED"
        assert client.request("post", f"api/1/models/{KMEANS}/rollback", {"version": 1}).status == 200
    daemon.stop()
    # What a worker that has something to say leaves.
    (daemon.state_dir / "jobs").mkdir(exist_ok=True)
    (daemon.state_dir / "jobs" / "17000000000.log").write_text('{"data":"said"}\n')
    return daemon.state_dir


@pytest.fixture(scope="module")
def good(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    return write_archive(state, tmp_path_factory.mktemp("backup") / "b.tar", "backed-up").path


def tree(directory: Path) -> dict[str, str]:
    """What matters of a state directory: every file and link below it, but the database, by its content."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and name.partition("/")[0] in {"projects", "jobs"}:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def dump(path: Path) -> list[str]:
    """The content of a database, but for the count of jobs, which goes on."""
    database = sqlite3.connect(path)
    lines = [line for line in database.iterdump() if "last_job_id" not in line]
    database.close()
    return lines


def last_job_id(path: Path) -> int:
    database = sqlite3.connect(path)
    (value,) = database.execute("SELECT value FROM meta WHERE key = 'last_job_id'").fetchone()
    database.close()
    return int(value)


def test_what_was_backed_up_comes_back(state: Path, good: Path, tmp_path: Path) -> None:
    contents = restore(good, tmp_path / "new", replace=False)
    assert tree(tmp_path / "new") == tree(state)
    assert dump(tmp_path / "new" / "trainerd.db") == dump(state / "trainerd.db")
    assert contents.links == {f"projects/1/models/{KMEANS}/current": "1"}
    # Ids that were given after the backup are not given again.
    assert last_job_id(tmp_path / "new" / "trainerd.db") > last_job_id(state / "trainerd.db")
    assert good.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in good.parent.iterdir()] == [good.name]


def test_a_backup_beside_a_running_daemon_is_whole(broker: Broker, state: Path, tmp_path: Path) -> None:
    """Posts, trainings and pruned versions all the while; each archive is of one moment."""
    daemon = Daemon(tmp_path, broker.port, device="busy", config="[models]\nkeep_versions = 1\n")
    shutil.copytree(state, daemon.state_dir, symlinks=True)
    daemon.start()
    stop = threading.Event()

    def work() -> None:
        with daemon.client() as client:
            client.subscribe(f"{client.root}/jobs/#")
            while not stop.is_set():
                for number in range(1, 20):
                    client.request("post", f"api/1/training/anomaly/{GMM}", {"clusterCount": number})
                wait_for_end(client, train(client))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(4):
            made = result_of(
                trainerd("backup", tmp_path / f"{number}.tar", "--json", config=daemon.config_file)
            )
            assert hashlib.sha256(Path(made["file"]).read_bytes()).hexdigest() == made["sha256"]
    finally:
        stop.set()
        worker.join()
        daemon.stop()
    for number in range(4):
        directory = tmp_path / f"restored-{number}"
        contents = restore(tmp_path / f"{number}.tar", directory, replace=False)
        # The version in use is there, with every file that its manifest names.
        version = directory / f"projects/1/models/{KMEANS}/current"
        manifest = json.loads((version / "manifest.json").read_bytes())
        for name, entry in manifest["files"].items():
            assert hashlib.sha256((version / name).read_bytes()).hexdigest() == entry["sha256"]
        assert contents.device == "busy"


def test_a_daemon_works_on_what_was_put_back(broker: Broker, good: Path, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, broker.port, device="replacement")
    daemon.write_config()
    done = trainerd("restore", good, config=daemon.config_file)
    assert done.returncode == 0, done.stderr
    assert "as device backed-up had it" in done.stdout
    daemon.start()
    try:
        with daemon.client() as client:
            client.subscribe(f"{client.root}/jobs/#")
            assert client.request("get", f"api/1/models/{KMEANS}").body["current"] == 1
            before = client.request("get", "jobs").body["jobs"]
            assert len(before) == 2
            job_id = train(client)
            assert job_id > before[0]["id"]
            # Neither while a daemon runs, nor over what is there.
            refused = trainerd("restore", good, "--replace", config=daemon.config_file)
            assert refused.returncode == 1 and "in use by another trainerd" in refused.stderr
            wait_for_end(client, job_id)
    finally:
        daemon.stop()
    refused = trainerd("restore", good, config=daemon.config_file)
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr and "--replace" in refused.stderr
    assert trainerd("restore", good, "--replace", config=daemon.config_file).returncode == 0
    assert len(list(daemon.state_dir.glob(f"projects/1/models/{KMEANS}/[0-9]*"))) == 2


def test_a_file_that_is_there_is_left_alone(broker: Broker, state: Path, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, broker.port)
    daemon.write_config()
    refused = trainerd("backup", tmp_path / "b.tar", config=daemon.config_file)
    assert refused.returncode == 1 and "there is nothing to back up" in refused.stderr
    (tmp_path / "b.tar").write_bytes(b"precious")
    refused = trainerd("backup", tmp_path / "b.tar", config=daemon.config_file)
    assert refused.returncode == 2 and "is there already" in refused.stderr
    assert (tmp_path / "b.tar").read_bytes() == b"precious"


def rewritten(good: Path, target: Path, name: str, content: bytes | None, rename: str | None = None) -> Path:
    """A backup in which one file has another content, or another name, or is missing."""
    with tarfile.open(good) as source, tarfile.open(target, "w") as made:
        for member in source:
            data = source.extractfile(member) if member.isreg() else None
            body = data.read() if data is not None else b""
            if member.name == name:
                if content is None:
                    continue
                body, member.size = content, len(content)
                member.name = rename or member.name
            made.addfile(member, io.BytesIO(body) if member.isreg() else None)
    return target


@pytest.mark.parametrize("spoil", ["cut", "flipped", "empty", "no tar", "missing file", "other content"])
def test_a_damaged_archive_changes_nothing(state: Path, good: Path, tmp_path: Path, spoil: str) -> None:
    content = bytearray(good.read_bytes())
    bad = tmp_path / "bad.tar"
    log = next(name for name in archive_names(good) if name.startswith("jobs/"))
    if spoil == "cut":
        bad.write_bytes(content[: len(content) // 2])
    elif spoil == "flipped":
        place = content.index((state / f"projects/1/models/{KMEANS}/1/model.npz").read_bytes()[-100:])
        content[place + 5] ^= 1
        bad.write_bytes(content)
    elif spoil == "empty":
        bad.write_bytes(b"")
    elif spoil == "no tar":
        bad.write_bytes(b"x" * 100_000)
    elif spoil == "missing file":
        rewritten(good, bad, log, None)
    else:
        rewritten(good, bad, log, b"other")
    there = tmp_path / "state"
    shutil.copytree(state, there, symlinks=True)
    before = tree(there)
    with pytest.raises(ArchiveInvalid, match=r"damaged|not complete|no backup"):
        restore(bad, there, replace=True)
    assert tree(there) == before and dump(there / "trainerd.db") == dump(state / "trainerd.db")
    assert not (there / "restoring").exists()


def archive_names(path: Path) -> list[str]:
    with tarfile.open(path) as opened:
        return opened.getnames()


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/passwd",
        "projects/1/models/7/1/../../x",
        "trainerd.db-wal",
        "jobs/../x",
        "lock",
        "a/b",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(good: Path, tmp_path: Path, name: str) -> None:
    log = next(found for found in archive_names(good) if found.startswith("jobs/"))
    bad = rewritten(good, tmp_path / "bad.tar", log, b"x", rename=name)
    with pytest.raises(ArchiveInvalid, match="does not belong into a backup"):
        restore(bad, tmp_path / "state", replace=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.tar", "state"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_files_and_the_links_of_models_are_taken(good: Path, tmp_path: Path, kind: bytes) -> None:
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as made:
        member = tarfile.TarInfo(f"projects/1/models/{KMEANS}/current")
        member.type, member.linkname = kind, "/etc"
        made.addfile(member)
    with pytest.raises(ArchiveInvalid, match="does not belong into a backup"):
        restore(bad, tmp_path / "state", replace=False)


def test_a_backup_of_a_newer_version_is_refused(state: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(state, newer, symlinks=True)
    database = sqlite3.connect(newer / "trainerd.db")
    database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    made = write_archive(newer, tmp_path / "newer.tar", "newer").path
    with pytest.raises(ArchiveInvalid, match=f"knows up to {len(MIGRATIONS)}: install that version"):
        restore(made, tmp_path / "state", replace=False)


def test_a_damaged_database_is_not_backed_up(state: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt"
    shutil.copytree(state, spoilt, symlinks=True)
    with (spoilt / "trainerd.db").open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)
    with pytest.raises(StateError, match="is damaged"):
        write_archive(spoilt, tmp_path / "b.tar", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["spoilt"]


def test_no_room_for_the_archive_leaves_none(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(OSError, match="No space left"):
        write_archive(state, tmp_path / "b.tar", "x")
    assert list(tmp_path.iterdir()) == []


#: Restores with a kill at a call of `Path.rename`.
KILLED = """
import os, signal, sys
from pathlib import Path
from daemon.state.restoring import restore

left = int(sys.argv[3])
rename = Path.rename

def rename_or_die(path, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return rename(path, target)

Path.rename = rename_or_die
restore(Path(sys.argv[1]), Path(sys.argv[2]), replace=True)
"""


def test_a_power_cut_at_any_step_leaves_all_of_the_old_or_all_of_the_new(
    state: Path, good: Path, tmp_path: Path
) -> None:
    files = ["last-good.json", "repairing", "trainerd.db", "trainerd.db-shm", "trainerd.db-wal"]
    old = tmp_path / "old"
    (old / "projects/9/models/9/3").mkdir(parents=True)
    (old / "projects/9/models/9/3/manifest.json").write_text("{}")
    (old / "jobs").mkdir()
    for name in files:
        (old / name).write_text("old")
    outcomes = []
    for cut in range(30):
        there = tmp_path / f"cut-{cut}"
        shutil.copytree(old, there)
        ended = subprocess.run([sys.executable, "-c", KILLED, str(good), str(there), str(cut)])
        finish_restore(there)
        assert sorted(p.name for p in there.iterdir() if p.name != "lock") in (
            sorted(["jobs", "projects", *files]),
            ["jobs", "projects", "trainerd.db"],
        )
        if (there / "trainerd.db").read_bytes() == b"old":
            assert tree(there) == tree(old)
            outcomes.append("old")
        else:
            assert tree(there) == tree(state)
            assert dump(there / "trainerd.db") == dump(state / "trainerd.db")
            outcomes.append("new")
        if ended.returncode != -signal.SIGKILL:
            break
    else:
        raise AssertionError("the restore never came to its end")
    assert outcomes == ["old"] + ["new"] * (len(outcomes) - 1)
    assert len(outcomes) > 8
