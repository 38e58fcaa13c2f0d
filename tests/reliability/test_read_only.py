"""A disk that turns read-only under a daemon at work."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Broker, Daemon, wait_until
from tests.reliability.failing_disk import FailingDisk, failing_disk
from tests.reliability.scenes import REQUEST_ID, check_single_end, fault, stopped, worker_of
from tests.scenario import TRAIN, train, train_path, wait_for_end

pytestmark = pytest.mark.misfortune


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FailingDisk]:
    with failing_disk(tmp_path, tmp_path / "daemon" / "state") as made:
        if made is None:
            pytest.skip("needs root and loop devices: nobody else mounts a file system")
        yield made


def test_a_disk_that_turns_read_only_is_told_and_nothing_is_lost(
    disk: FailingDisk, broker: Broker, prepared: Path, tmp_path: Path
) -> None:
    daemon = Daemon(tmp_path / "daemon", broker.port, device="read-only")
    shutil.copytree(prepared, daemon.state_dir, dirs_exist_ok=True)
    disk.flush()
    try:
        with daemon.client() as client:
            client.subscribe(f"{client.root}/#")
            daemon.start(environment=fault("worker.train:pause"))
            job_id = train(client, request_id=REQUEST_ID)
            worker = wait_until("the worker to wait", lambda: stopped(worker_of(daemon)))
            disk.fail()
            refused = client.request("post", train_path(8), TRAIN, request_id="another")
            assert (refused.status, refused.body["code"]) == (503, "disk_read_only")
            client.wait_for("the event", lambda m: m.topic == f"{client.root}/events/disk-read-only")
            os.kill(worker, signal.SIGCONT)
            wait_until("the worker's end", lambda: worker_of(daemon) is None)
            # Its end cannot be written, and so it has not ended; what is known is told.
            job = client.request("get", f"api/1/jobs/{job_id}/status").body["job"]
            assert job["state"] == "IN_PROGRESS"
            assert client.request("get", "status").status == 200
            assert daemon.stop() == 0
            assert "Traceback" not in daemon.log()
            disk.repair()
            daemon.start()
            ended = wait_for_end(client, job_id)
            assert (ended["state"], ended["resumed"]) == ("SUCCEEDED", 1)
            assert train(client, request_id=REQUEST_ID) == job_id
            check_single_end(client, daemon, ended)
    finally:
        daemon.kill()
