"""A worker that waits for networks is there before the job, and makes what any worker makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.harness import Broker, Client, Daemon, wait_until
from tests.keras_api.project import CLASSIFIER, DIGITS, digits, send, set_up, train_path
from tests.networks.test_interruptions import PATIENCE, wait_for_end
from tests.reliability.scenes import runs, worker_of

BODY = {"trainingCycles": 3, "learningRate": 0.005, "skipEmbeddingsAndMemory": True}


def digests(daemon: Daemon, job: dict[str, Any]) -> dict[str, str]:
    """SHA-256 of the files of the version that a job made."""
    assert job["state"] == "SUCCEEDED", job["error"]
    models = daemon.state_dir / "projects" / str(DIGITS) / "models" / str(CLASSIFIER)
    manifest = json.loads((models / str(job["result"]["version"]) / "manifest.json").read_bytes())
    return {name: file["sha256"] for name, file in manifest["files"].items() if name != "report.html"}


def train(client: Client) -> dict[str, Any]:
    return wait_for_end(client, send(client, train_path(), BODY)["id"])


def test_a_worker_that_waits_makes_the_same_version(broker: Broker, tmp_path: Path) -> None:
    cold = Daemon(tmp_path, broker.port, device="cold")
    try:
        with cold.start().client() as client:
            client.subscribe(f"{client.root}/jobs/#")
            set_up(client, DIGITS, digits(300))
            assert worker_of(cold) is None
            wanted = digests(cold, train(client))
    finally:
        cold.stop()

    warm = Daemon(tmp_path, broker.port, device="warm", config="[worker]\nwarm = true\n")
    try:
        with warm.start().client() as client:
            client.subscribe(f"{client.root}/jobs/#")
            waiting = wait_until("a worker", lambda: worker_of(warm))
            assert digests(warm, train(client)) == wanted
            following = wait_until("another worker", lambda: worker_of(warm), PATIENCE)
            assert following != waiting and not runs(waiting)
    finally:
        warm.stop()
    wait_until("the end of the worker", lambda: not runs(following))
