"""What the tests of bad luck do and look at again and again."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness import Client, Daemon, wait_until
from tests.scenario import KMEANS, PROJECT, TERMINAL, TRAIN, properties, train, train_path
from tests.versions import half_written

MakeDaemon = Callable[..., Daemon]
REQUEST_ID = "the-request"


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


def check_single_end(client: Client, daemon: Daemon, job: dict[str, Any], *, others: int = 0) -> None:
    """The job ended once, everybody says the same about it, and it is the only one but for `others`."""
    newest, *older = client.request("get", "jobs").body["jobs"]
    assert newest == job
    assert len(older) == others
    check_told(client, job)
    client.wait_for("finished", lambda m: m.topic == f"{client.root}/jobs/{job['id']}/finished")
    finished = {m.payload for m in list(client.seen) if m.topic == f"{client.root}/jobs/{job['id']}/finished"}
    assert finished == {b'{"success":true}' if job["finishedSuccessful"] else b'{"success":false}'}
    check_kept(daemon, job)


def check_told(client: Client, job: dict[str, Any]) -> None:
    """Who listened to a job's status heard of one end, and of no step back."""
    told = [
        json.loads(message.payload)
        for message in list(client.seen)
        if message.topic == f"{client.root}/jobs/{job['id']}/status" and message.payload
    ]
    ends = [status for status in told if status["state"] in TERMINAL]
    assert ends and all(end == job for end in ends)
    versions = [status["version"] for status in told]
    assert versions == sorted(versions)


def check_kept(daemon: Daemon, job: dict[str, Any]) -> None:
    """What the broker holds is right, and what is on disk is whole."""
    held = retained(daemon)
    assert held["state"]["state"] == "online"
    assert held[f"jobs/{job['id']}/status"] == job
    if job["projectId"] == PROJECT:
        assert (f"projects/{PROJECT}/models/{KMEANS}" in held) is job["finishedSuccessful"]
    assert half_written(daemon.state_dir) == []
    assert not list((daemon.state_dir / "work").glob("*"))


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


def runs(process_id: int) -> bool:
    return _state(process_id) not in ("", "Z")


def stopped(process_id: int | None) -> int | None:
    """The process, where there is one and it is stopped."""
    return process_id if _state(process_id) == "T" else None


def _state(process_id: int | None) -> str:
    """The letter that the kernel has for what a process does; nothing where there is none."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
