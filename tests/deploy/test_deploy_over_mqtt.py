"""A deployment over MQTT from end to end: real daemon, worker, ports process, and firmware as a process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.gateway import MODEL, Gateway, deploy, gateway
from tests.harness import Broker, Client, wait_until
from tests.scenario import KMEANS, PROJECT, wait_for_end


@pytest.fixture(scope="module")
def press(broker: Broker) -> Iterator[Gateway]:
    with gateway(broker, "press-gateway") as made:
        yield made


@pytest.fixture
def client(press: Gateway) -> Iterator[Client]:
    with press.daemon.client() as connected:
        connected.subscribe(f"{connected.root}/#")
        yield connected


def targets_told(client: Client) -> dict[str, Any]:
    """What the retained topic says of targets, the latest."""
    topic = f"{client.root}/projects/{PROJECT}/models/{KMEANS}"
    said = [json.loads(message.payload) for message in list(client.seen) if message.topic == topic]
    found: dict[str, Any] = said[-1].get("targets", {}) if said else {}
    return found


def wait_for_version(client: Client, version: int) -> dict[str, Any]:
    """Wait until the board says that it runs a version, and the topic with it."""
    wait_until(
        f"version {version} on the board",
        lambda: targets_told(client).get("press", {}).get("version") == version,
    )
    found: dict[str, Any] = targets_told(client)["press"]
    return found


def test_a_version_gets_onto_the_board_and_back(press: Gateway, client: Client) -> None:
    with press.board():
        assert wait_for_version(client, 1)["source"] == "factory"
        job = wait_for_end(client, deploy(client))
        assert job["state"] == "SUCCEEDED", job
        assert job["result"]["version"] == 2
        (told,) = job["result"]["targets"]
        assert (told["target"], told["method"], told["previous"]["version"]) == ("press", "slot", 1)
        assert told["vectors"] > 0 and told["bytes"] > 0
        said = wait_for_version(client, 2)
        assert (said["digest"], said["confirmed"]) == (told["digest"], True)
        reply = client.request("post", f"{MODEL}/rollback", {"version": 1})
        (job_id,) = reply.body["deployJobs"]
        assert wait_for_end(client, job_id)["state"] == "SUCCEEDED"
        wait_for_version(client, 1)


def test_progress_rises_through_the_stages(press: Gateway, client: Client) -> None:
    with press.board():
        job_id = deploy(client)
        assert wait_for_end(client, job_id)["state"] == "SUCCEEDED"
        log = client.request("get", f"api/{PROJECT}/jobs/{job_id}/stdout").body["stdout"]
        assert any(
            "press: sending" in line["data"] or "runs on the board already" in line["data"] for line in log
        )


def test_a_board_that_is_away_fails_the_job_soon_and_says_why(press: Gateway, client: Client) -> None:
    job = wait_for_end(client, deploy(client))
    assert (job["state"], job["error"]["code"], job["error"]["retryable"]) == (
        "FAILED",
        "board_unreachable",
        True,
    )
    assert f"127.0.0.1:{press.port}" in job["error"]["message"]
