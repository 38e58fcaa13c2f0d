"""A disk that is full or read-only, for real: a small file system that only the daemon sees."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.database import Database
from daemon.errors import DiskReadOnly
from daemon.routes import refuse
from daemon.state.disk import DiskWatch
from tests.harness import PATIENCE, Broker, Daemon
from tests.scenario import TRAIN, acquisition, set_up_project, train, train_path, wait_for_end

pytestmark = pytest.mark.misfortune

#: Mounts a small file system over the state directory, puts a copy of the state into it, fills it up but for
#: some KiB, and becomes the daemon. Needs nothing but namespaces of its own.
SMALL = """
set -eu
mount -t tmpfs -o size=6m tmpfs "$STATE"
cp -a "$PREPARED/." "$STATE/"
if [ "$LEFT_KB" != all ]; then
    free=$(df --output=avail -k "$STATE" | tail -1)
    [ "$free" -le "$LEFT_KB" ] || head -c $(( (free - LEFT_KB) * 1024 )) /dev/zero > "$STATE/ballast"
fi
mount -o "remount,$MODE" "$STATE"
exec "$PYTHON" -m daemon run --config "$CONFIG"
"""


@pytest.fixture(scope="module")
def prepared(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a daemon that was killed while a job ran."""
    daemon = Daemon(tmp_path_factory.mktemp("prepared"), broker.port, device="prepared")
    daemon.start(environment={"TRAINERD_FAULT": "worker.train:hang"})
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        set_up_project(client)
        assert client.request("post", train_path(), TRAIN).status == 200
        client.wait_for("its start", lambda m: b"IN_PROGRESS" in m.payload)
    daemon.kill()
    return daemon.state_dir


@pytest.fixture
def daemon(broker: Broker, tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path, broker.port, device=f"disk-{tmp_path.name[-40:]}".replace(".", "-"))
    made.write_config()
    yield made
    made.stop()


def start(daemon: Daemon, prepared: Path, *, left_kb: int | None = None, mode: str = "rw") -> None:
    """Start a daemon on a small disk that holds `prepared` and has so much room left."""
    namespaces = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    environment = {
        "STATE": str(daemon.state_dir),
        "PREPARED": str(prepared),
        "LEFT_KB": "all" if left_kb is None else str(left_kb),
        "MODE": mode,
        "PYTHON": sys.executable,
        "CONFIG": str(daemon.config_file),
    }
    with (daemon.directory / "daemon.log").open("ab") as log:
        daemon.process = subprocess.Popen(
            [*namespaces, "bash", "-c", SMALL], stdout=log, stderr=log, env={**os.environ, **environment}
        )


def seen_by(daemon: Daemon) -> Path:
    """The state directory as the daemon sees it."""
    assert daemon.process is not None
    return Path(f"/proc/{daemon.process.pid}/root{daemon.state_dir}")


def test_a_daemon_starts_on_a_full_disk_and_works_when_there_is_room(daemon: Daemon, prepared: Path) -> None:
    with daemon.client() as client:
        client.subscribe(f"{client.root}/#")
        start(daemon, prepared, left_kb=0)
        daemon.wait_online()
        client.wait_for("the event", lambda m: m.topic == f"{client.root}/events/disk-low")
        # What was held back for the start and the ends of jobs is used up in the end.
        rows = acquisition([[number, -number, 0.5] for number in range(2000)])
        replies = [client.request("post", "api/2/training/data", rows)]
        while replies[-1].status == 200:
            assert len(replies) < 100
            replies.append(client.request("post", "api/2/training/data", rows))
        assert (replies[-1].status, replies[-1].body["code"]) == (503, "disk_full")
        held = client.request("get", "api/2/raw-data", {"category": "training"}).body["totalCount"]
        assert held == 2000 * (len(replies) - 1)
        (seen_by(daemon) / "ballast").unlink()
        (job,) = client.request("get", "jobs").body["jobs"]
        ended = wait_for_end(client, job["id"])
        assert ended["resumed"] == 1
        assert ended["state"] == "SUCCEEDED" or ended["error"]["code"] == "disk_full"
        assert client.request("post", "api/2/training/data", rows).status == 200
        wait_for_end(client, train(client))
    assert "Traceback" not in daemon.log()


def test_a_read_only_disk_is_told_at_the_start(daemon: Daemon, prepared: Path) -> None:
    start(daemon, prepared, mode="ro")
    assert daemon.process is not None
    assert daemon.process.wait(PATIENCE) == 1
    said = daemon.log()
    assert "Read-only file system" in said and str(daemon.state_dir) in said and "Traceback" not in said


def test_little_room_is_told_once_until_there_was_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    watch = DiskWatch(tmp_path, 100, told.append)
    for free_mb in (500, 99, 98, 120, 99, 126, 99):
        result = os.statvfs_result((4096, 4096, 256_000, 0, free_mb * 256, 0, 0, 0, 0, 255))
        monkeypatch.setattr(os, "statvfs", lambda _path, result=result: result)
        watch.look()
    assert told == [{"freeMb": 99, "totalMb": 1000, "lowMb": 100}] * 2


def test_what_turns_read_only_while_it_is_open_is_told_as_such(tmp_path: Path) -> None:
    database = Database(tmp_path / "trainerd.db")
    database.open()
    # SQLite says of such a connection what it says of such a file system.
    database.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(DiskReadOnly, match="check the disk"), database.transaction():
        database.set_meta("a", "b")
    database.close()
    answer = refuse(OSError(errno.EROFS, "Read-only file system", "x"))
    assert (answer.status, answer.body["code"]) == (503, "disk_read_only")
