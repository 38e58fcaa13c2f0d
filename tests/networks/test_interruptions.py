"""A training that is killed, its worker or the whole daemon, ends as it would have ended undisturbed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.wire.worker import CHECKPOINT
from tests.harness import Broker, Client, Daemon, wait_until
from tests.keras_api.project import CLASSIFIER, DIGITS, digits, send, set_up, train_path
from tests.reliability.scenes import worker_of
from tests.scenario import TERMINAL

#: TensorFlow alone takes seconds to load, and more where other work is going on.
PATIENCE = 300.0

#: Long enough to leave checkpoints, with everything that has a state: optimizer, dropout, moving averages.
BODY: dict[str, Any] = {
    "visualLayers": [
        {"type": "reshape", "columns": 8},
        {"type": "conv2d", "neurons": 8, "kernelSize": 3},
        {"type": "batchNormalization"},
        {"type": "flatten"},
        {"type": "dropout", "dropoutRate": 0.2},
    ],
    "trainingCycles": 250,
    "learningRate": 0.002,
    "skipEmbeddingsAndMemory": True,
}


@pytest.fixture(scope="module")
def daemon(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with digits."""
    made = Daemon(tmp_path_factory.mktemp("interrupted"), broker.port, device="interrupted")
    try:
        made.start()
        with made.client() as client:
            set_up(client, DIGITS, digits(600))
        yield made
    finally:
        made.stop()


def wait_for_end(client: Client, job_id: int) -> dict[str, Any]:
    """The job as it ended."""
    topic = f"{client.root}/jobs/{job_id}/status"

    def ended() -> dict[str, Any] | None:
        told = [json.loads(m.payload) for m in list(client.seen) if m.topic == topic and m.payload]
        return told[-1] if told and told[-1]["state"] in TERMINAL else None

    job: dict[str, Any] = wait_until(f"the end of job {job_id}", ended, PATIENCE)
    return job


def wait_for_checkpoint(daemon: Daemon, job_id: int, before: int = 0) -> int:
    """When the job left another checkpoint."""
    path = daemon.state_dir / "work" / str(job_id) / CHECKPOINT

    def later() -> int:
        written = path.stat().st_mtime_ns if path.exists() else 0
        return written if written > before else 0

    return int(wait_until("a checkpoint", later, PATIENCE))


def version_of(daemon: Daemon, job: dict[str, Any]) -> Path:
    models = daemon.state_dir / "projects" / str(DIGITS) / "models" / str(CLASSIFIER)
    return models / str(job["result"]["version"])


def test_killed_trainings_end_as_if_nothing_had_been(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        undisturbed = wait_for_end(client, send(client, train_path(), BODY)["id"])
        assert undisturbed["state"] == "SUCCEEDED", undisturbed["error"]

        job_id = send(client, train_path(), BODY)["id"]
        first = wait_for_checkpoint(daemon, job_id)
        os.kill(worker_of(daemon) or 0, signal.SIGKILL)
        wait_for_checkpoint(daemon, job_id, first)
        daemon.kill()
        daemon.start()
        job = wait_for_end(client, job_id)
        assert (job["state"], job["resumed"]) == ("SUCCEEDED", 1), job["error"]
        lines = client.request("get", f"api/{DIGITS}/jobs/{job_id}/stdout").body["stdout"]
        assert any("another worker goes on from where it was" in line["data"] for line in lines)

    wanted, found = (
        json.loads((version_of(daemon, one) / "manifest.json").read_bytes()) for one in (undisturbed, job)
    )
    assert found["fit"] == wanted["fit"] and len(found["fit"]["epochs"]) == BODY["trainingCycles"]
    # The same bytes: weights, both .tflite files, the C.
    assert {name: file["sha256"] for name, file in found["files"].items() if name != "report.html"} == {
        name: file["sha256"] for name, file in wanted["files"].items() if name != "report.html"
    }
    assert not list((daemon.state_dir / "work").glob("*"))


def test_a_cancelled_training_ends_within_an_epoch(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        job_id = send(client, train_path(), {**BODY, "trainingCycles": 100_000})["id"]

        def epoch() -> int:
            topic = f"{client.root}/jobs/{job_id}/progress"
            told = [json.loads(m.payload) for m in list(client.seen) if m.topic == topic]
            return told[-1].get("epoch", 0) if told else 0

        wait_until("an epoch", epoch, PATIENCE)
        send(client, f"api/{DIGITS}/jobs/{job_id}/cancel", {})
        job = wait_for_end(client, job_id)
        assert (job["state"], job["error"]["code"], job["error"]["stage"]) == (
            "CANCELED",
            "canceled",
            "train",
        )
        assert not (daemon.state_dir / "work" / str(job_id)).exists()
