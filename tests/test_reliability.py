"""Bad luck: everything is killed everywhere once, with a real broker and real processes.

Whatever happens: a request that was accepted ends in one terminal state, once; who sends it again
gets the same job; no version is seen that is not complete; what is retained is right.
"""

from __future__ import annotations

import getpass
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import faults
from daemon.local_api import LocalClient
from tests.harness import Broker, Client, Daemon, wait_until
from tests.scenario import (
    KMEANS,
    TERMINAL,
    TRAIN,
    properties,
    set_up_project,
    train,
    train_path,
    wait_for_end,
)
from tests.versions import half_written, visible_versions

MakeDaemon = Callable[..., Daemon]
REQUEST_ID = "the-request"

#: Points that are passed by the message to itself first: the request is the second.
PASSAGE = {"intake.after_ack": 2}


@pytest.fixture(scope="module")
def prepared(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a project in it."""
    daemon = Daemon(tmp_path_factory.mktemp("prepared"), broker.port, device="prepared")
    daemon.start()
    with daemon.client() as client:
        set_up_project(client)
    daemon.stop()
    return daemon.state_dir


@pytest.fixture
def make_daemon(broker: Broker, prepared: Path, tmp_path: Path) -> Iterator[MakeDaemon]:
    """Make a daemon that has the project, not started yet."""
    made: list[Daemon] = []

    def make(port: int = broker.port, **options: Any) -> Daemon:
        daemon = Daemon(tmp_path / f"daemon-{len(made)}", port, device=f"d-{uuid.uuid4().hex[:8]}", **options)
        shutil.copytree(prepared, daemon.state_dir)
        made.append(daemon)
        return daemon

    yield make
    for daemon in made:
        daemon.kill()


def fault(text: str) -> dict[str, str]:
    return {"TRAINERD_FAULT": text}


def send(client: Client, request_id: str = REQUEST_ID, learn_id: int = KMEANS) -> None:
    """Send the training request without waiting for its reply."""
    client.publish(
        f"{client.root}/post/{train_path(learn_id)}",
        json.dumps(TRAIN),
        properties=properties(
            ResponseTopic=f"{client.reply_topic}/fixed", CorrelationData=request_id.encode()
        ),
    )


def replies(client: Client) -> list[dict[str, Any]]:
    """All replies to the request so far."""
    return [json.loads(m.payload) for m in list(client.seen) if m.topic == f"{client.reply_topic}/fixed"]


def retained(daemon: Daemon) -> dict[str, Any]:
    """Everything that the broker holds for the device."""
    with daemon.client() as client:
        client.subscribe(f"{client.root}/#")
        client.publish(f"{client.reply_topic}/marker", b"")
        client.wait_for("the marker", lambda message: message.topic.endswith("/marker"))
        return {
            message.topic.removeprefix(f"{client.root}/"): json.loads(message.payload)
            for message in client.seen
            if message.retain and message.payload
        }


def wait_for_death(daemon: Daemon) -> None:
    process = daemon.process
    assert process is not None
    wait_until("the daemon's death", lambda: process.poll() is not None)
    assert process.returncode == -signal.SIGKILL, daemon.log()


def check_single_end(client: Client, daemon: Daemon, job: dict[str, Any]) -> None:
    """The job ended once, everybody says the same about it, and no more than one was started."""
    listed = client.request("get", "jobs").body["jobs"]
    assert [found["id"] for found in listed] == [job["id"]]
    assert listed[0] == job
    told = [
        json.loads(message.payload)
        for message in list(client.seen)
        if message.topic == f"{client.root}/jobs/{job['id']}/status" and message.payload
    ]
    ends = [status for status in told if status["state"] in TERMINAL]
    assert ends and all(end == job for end in ends)
    versions = [status["version"] for status in told]
    assert versions == sorted(versions)
    client.wait_for("finished", lambda m: m.topic == f"{client.root}/jobs/{job['id']}/finished")
    finished = {m.payload for m in list(client.seen) if m.topic == f"{client.root}/jobs/{job['id']}/finished"}
    assert finished == {b'{"success":true}' if job["finishedSuccessful"] else b'{"success":false}'}
    held = retained(daemon)
    assert held["state"]["state"] == "online"
    assert held[f"jobs/{job['id']}/status"] == job
    model = held.get(f"projects/1/models/{KMEANS}")
    assert (model is not None) is job["finishedSuccessful"]
    assert half_written(daemon.state_dir) == []
    assert not list((daemon.state_dir / "work").glob("*"))


@pytest.mark.parametrize("point", [point for point in faults.POINTS if not point.startswith("worker.")])
def test_the_daemon_is_killed_at(point: str, make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start(environment=fault(f"{point}:kill:{PASSAGE.get(point, 1)}"))
        send(client)
        wait_for_death(daemon)
        assert half_written(daemon.state_dir) == []
        daemon.start()
        # A controller that heard nothing sends again, and gets the same job.
        again = client.request("post", train_path(), TRAIN, request_id=REQUEST_ID)
        assert again.status == 200
        assert all(reply == again.body for reply in replies(client))
        job = wait_for_end(client, again.body["id"])
        assert job["state"] == "SUCCEEDED", job
        assert job["resumed"] == (point in {"job.started", "job.worker_done"})
        assert visible_versions(daemon.state_dir) == {(1, KMEANS): [1]}
        check_single_end(client, daemon, job)


@pytest.mark.parametrize("point", [point for point in faults.POINTS if point.startswith("worker.")])
def test_the_worker_is_killed_at(point: str, make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start(environment=fault(f"{point}:kill"))
        job = wait_for_end(client, train(client, request_id=REQUEST_ID))
        assert job["state"] == "FAILED"
        assert job["error"]["code"] == "out_of_memory" and job["error"]["retryable"]
        stage = point.removeprefix("worker.")
        assert job["error"]["stage"] == {"spec_read": "prepare", "before_done": "export"}.get(stage, stage)
        check_single_end(client, daemon, job)
        daemon.kill()
        daemon.start()
        assert train(client, request_id=REQUEST_ID) == job["id"]
        check_single_end(client, daemon, job)
        assert visible_versions(daemon.state_dir) == {}


def worker_of(daemon: Daemon) -> int | None:
    """Process id of the daemon's worker, where one runs."""
    assert daemon.process is not None
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
    return int(children[0]) if children else None


def hung_job(client: Client, daemon: Daemon, stage: str) -> int:
    """Start a job whose worker hangs at the beginning of a stage."""
    client.subscribe(f"{client.root}/jobs/#")
    daemon.start(environment=fault(f"worker.{stage}:hang"))
    return train(client, request_id=REQUEST_ID)


def test_a_worker_killed_from_outside_fails_its_job_and_the_next_one_runs(make_daemon: MakeDaemon) -> None:
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
        wait_until("the worker's end", lambda: not _runs(worker))


def _runs(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


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
        assert not _runs(worker)
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


@pytest.mark.parametrize(
    ("text", "state", "code", "stage"),
    [
        ("job.started:error", "FAILED", "job_failed", "prepare"),
        ("job.worker_done:full", "FAILED", "disk_full", "export"),
        ("worker.prepare:error", "FAILED", "job_failed", "prepare"),
        ("worker.train:full", "FAILED", "disk_full", "train"),
        ("worker.export:full", "FAILED", "disk_full", "export"),
    ],
)
def test_a_failure_of_the_system_ends_the_job(
    make_daemon: MakeDaemon, text: str, state: str, code: str, stage: str
) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start(environment=fault(text))
        job = wait_for_end(client, train(client))
        assert (job["state"], job["error"]["code"], job["error"]["stage"]) == (state, code, stage)
        check_single_end(client, daemon, job)
        assert visible_versions(daemon.state_dir) == {}


def test_a_job_that_could_not_be_begun_is_tried_again(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start(environment=fault("job.before_start:error"))
        job = wait_for_end(client, train(client))
        assert (job["state"], job["resumed"]) == ("SUCCEEDED", 0)


@pytest.mark.parametrize(
    ("action", "status", "code"), [("error", 500, "internal"), ("full", 503, "disk_full")]
)
def test_a_request_that_could_not_be_written_is_refused_and_starts_nothing(
    make_daemon: MakeDaemon, action: str, status: int, code: str
) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start(environment=fault(f"intake.before_commit:{action}"))
        refused = client.request("post", train_path(), TRAIN, request_id=REQUEST_ID)
        assert (refused.status, refused.body["code"]) == (status, code)
        assert client.request("get", "jobs").body["jobs"] == []
        job = wait_for_end(client, train(client, request_id=REQUEST_ID))
        check_single_end(client, daemon, job)


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


@pytest.mark.parametrize("end", ["kill", "stop"])
@pytest.mark.parametrize("persistence", [False, True], ids=["forgetful", "persistent"])
def test_the_broker_goes_during_a_job(
    make_daemon: MakeDaemon, tmp_path: Path, end: str, persistence: bool
) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    kept = ("persistence true", f"persistence_location {folder}/") if persistence else ()
    broker = Broker(folder, settings=(f"user {getpass.getuser()}", *kept)).start()
    daemon = make_daemon(broker.port)
    try:
        daemon.start()
        with daemon.client() as client:
            job_id = train(client, request_id=REQUEST_ID)
        getattr(broker, end)()
        # The job goes on and ends while nobody can hear of it.
        local = LocalClient(daemon.socket)
        local.open()
        wait_until(
            "its end", lambda: local.request("get", f"api/1/jobs/{job_id}/status")[1]["job"]["finished"]
        )
        local.close()
        broker.start()
        with daemon.client() as client:
            client.subscribe(f"{client.root}/#")
            job = wait_for_end(client, job_id)
            assert job["state"] == "SUCCEEDED"
            client.wait_for("online", lambda m: m.topic.endswith("/state") and b"online" in m.payload)
            wait_until("a model", lambda: f"projects/1/models/{KMEANS}" in retained(daemon))
            assert retained(daemon)[f"jobs/{job_id}/status"] == job
            assert [found["id"] for found in client.request("get", "jobs").body["jobs"]] == [job_id]
    finally:
        daemon.stop()
        broker.stop()
