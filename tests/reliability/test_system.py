"""A system that fails: errors of the disk, a full one, another daemon in the way."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import Daemon, wait_until
from tests.reliability.scenes import REQUEST_ID, MakeDaemon, check_single_end, worker_of
from tests.scenario import KMEANS, TRAIN, train, train_path, wait_for_end

pytestmark = pytest.mark.misfortune


def test_a_full_disk_is_told_and_survived(make_daemon: MakeDaemon) -> None:
    """A limit on the size of files makes every write fail, as a full disk does."""
    daemon = make_daemon()
    daemon.start()
    assert daemon.process is not None
    with daemon.client() as client:
        client.subscribe(f"{client.root}/#")
        _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
        refused = client.request("post", train_path(), TRAIN, request_id=REQUEST_ID)
        assert (refused.status, refused.body["code"]) == (503, "disk_full")
        client.wait_for("an event", lambda m: m.topic.endswith("/events/disk-low"))
        assert client.request("get", "jobs").body["jobs"] == []
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        job_id = train(client, request_id=REQUEST_ID)
        client.wait_for("its start", lambda m: b"IN_PROGRESS" in m.payload)
        wait_until("a worker", lambda: worker_of(daemon))
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (4096, hard))
        # The end cannot be written: the reserve is given away, and the daemon waits for more.
        wait_until("the reserve to be given away", lambda: not (daemon.state_dir / "reserve").exists())
        state = client.request("get", f"api/1/jobs/{job_id}/status").body["job"]["state"]
        assert state == "IN_PROGRESS"
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        job = wait_for_end(client, job_id)
        assert job["state"] == "SUCCEEDED"
        check_single_end(client, daemon, job)


def test_a_second_daemon_on_the_same_state_directory_is_refused(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    daemon = make_daemon()
    daemon.start()
    second = tmp_path / "second.toml"
    second.write_text(daemon.config_file.read_text().replace("/run", "/other-run"))
    refused = subprocess.run(
        [sys.executable, "-m", "daemon.app", "--config", str(second)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 1
    assert "in use by another trainerd" in refused.stderr and "Traceback" not in refused.stderr
    with daemon.client() as client:
        assert client.request("get", "status").status == 200


def run_once(daemon: Daemon) -> subprocess.CompletedProcess[str]:
    """Start a daemon that is not going to start."""
    command = [sys.executable, "-m", "daemon.app", "--config", str(daemon.config_file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_directory_that_cannot_be_written_is_told(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    daemon.write_config()
    (daemon.directory / "run").rmdir()
    (daemon.directory / "run").write_text("not a directory")
    refused = run_once(daemon)
    assert refused.returncode == 1
    assert str(daemon.directory / "run") in refused.stderr and "Traceback" not in refused.stderr


def test_a_damaged_version_takes_no_device_offline(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    daemon.start()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        wait_for_end(client, train(client))
        daemon.kill()
        (daemon.state_dir / f"projects/1/models/{KMEANS}/1/manifest.json").write_bytes(b"{")
        daemon.start()
        assert client.request("get", "status").body["models"] == []
        broken = client.request("get", f"api/1/models/{KMEANS}/1")
        assert broken.status == 404 and "damaged" in broken.body["error"]
        # The next training mends it.
        wait_for_end(client, train(client))
        assert client.request("get", f"api/1/models/{KMEANS}").body["current"] == 2
