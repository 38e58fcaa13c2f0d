"""Workers that die, hang, or take too much."""

from __future__ import annotations

import os
import signal

import pytest

from tests.harness import wait_until
from tests.reliability.memory_group import memory_group
from tests.reliability.scenes import (
    REQUEST_ID,
    MakeDaemon,
    check_single_end,
    fault,
    hung_job,
    runs,
    send,
    wait_for_death,
    worker_of,
)
from tests.scenario import TRAIN, train, train_path, wait_for_end

pytestmark = pytest.mark.misfortune


def test_a_worker_killed_from_outside_fails_its_job_and_the_next_oneruns(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        job_id = hung_job(client, daemon, "train")
        worker = wait_until("a worker", lambda: worker_of(daemon))
        os.kill(worker, signal.SIGSEGV)
        job = wait_for_end(client, job_id)
        assert (job["state"], job["error"]["code"]) == ("FAILED", "worker_crashed")
        assert "SIGSEGV" in job["error"]["message"]
        check_single_end(client, daemon, job)
        following = train(client, request_id="another")
        wait_until("another worker", lambda: worker_of(daemon))
        assert following != job_id


def test_a_worker_dies_with_its_daemon(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        hung_job(client, daemon, "train")
        worker = wait_until("a worker", lambda: worker_of(daemon))
        daemon.kill()
        wait_until("the worker's end", lambda: not runs(worker))


def test_a_worker_out_of_memory_fails_its_job(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(config="[worker]\nmemory_mb = 64\n")
    daemon.start()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        many = {**TRAIN, "clusterCount": 60}
        job_id = client.request("post", train_path(), many).body["id"]
        job = wait_for_end(client, job_id)
        assert (job["state"], job["error"]["code"]) == ("FAILED", "out_of_memory"), job
        check_single_end(client, daemon, job)


def test_a_worker_that_the_kernel_kills_is_told_from_one_that_somebody_kills(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client, memory_group(64 * 2**20) as group:
        if group is None:
            pytest.skip("needs a memory cgroup, which only root makes")
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start()
        assert daemon.process is not None
        (group / "cgroup.procs").write_text(str(daemon.process.pid))
        job = wait_for_end(client, train(client))
        assert (job["state"], job["error"]["code"]) == ("FAILED", "out_of_memory"), job
        assert "the kernel killed the worker" in job["error"]["message"]
        check_single_end(client, daemon, job)
        daemon.stop()


def test_a_running_job_is_canceled_although_its_worker_hangs(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(config="[jobs]\ncancel_grace_s = 0.1\n")
    with daemon.client() as client:
        job_id = hung_job(client, daemon, "train")
        worker = wait_until("a worker", lambda: worker_of(daemon))
        queued = train(client, learn_id=8)
        assert client.request("post", f"api/1/jobs/{queued}/cancel").status == 200
        assert wait_for_end(client, queued)["state"] == "CANCELED"
        assert client.request("post", f"api/1/jobs/{job_id}/cancel").status == 200
        job = wait_for_end(client, job_id)
        assert (job["state"], job["error"]["code"], job["finishedSuccessful"]) == (
            "CANCELED",
            "canceled",
            False,
        )
        assert not runs(worker)
        again = client.request("post", f"api/1/jobs/{job_id}/cancel")
        assert (again.status, again.body["code"]) == (409, "conflict")


def test_a_job_over_its_time_is_stopped(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon(config="[jobs]\ntimeout_s = 1\ncancel_grace_s = 0.1\n")
    with daemon.client() as client:
        job = wait_for_end(client, hung_job(client, daemon, "prepare"))
        assert (job["state"], job["error"]["code"]) == ("TIMED_OUT", "timed_out")
        check_single_end(client, daemon, job)


def test_a_job_interrupted_too_often_is_given_up(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start(environment=fault("job.started:kill"))
        send(client)
        for _ in range(3):
            wait_for_death(daemon)
            daemon.start(wait=False, environment=fault("job.started:kill"))
        wait_for_death(daemon)
        daemon.start()
        job = wait_for_end(client, train(client, request_id=REQUEST_ID))
        assert (job["state"], job["error"]["code"], job["resumed"]) == ("FAILED", "interrupted", 3)
        check_single_end(client, daemon, job)


def test_a_clean_stop_during_a_job_leaves_it_to_the_next_start(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        job_id = hung_job(client, daemon, "train")
        wait_until("a worker", lambda: worker_of(daemon))
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log()
        daemon.start()
        job = wait_for_end(client, job_id)
        assert (job["state"], job["resumed"]) == ("SUCCEEDED", 1)
        check_single_end(client, daemon, job)
