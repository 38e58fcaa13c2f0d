"""A deployment over MQTT from end to end: real daemon, worker, ports process, and firmware as a process."""

from __future__ import annotations

import json
import os
import signal
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


def test_a_group_s_targets_are_tried_one_after_another_and_told_one_by_one(
    press: Gateway, client: Client
) -> None:
    with press.board():
        wait_until("the board", lambda: targets_told(client).get("press"))
        job = wait_for_end(client, deploy(client, target="line"))
    assert (job["state"], job["error"]["code"], job["error"]["stage"]) == (
        "FAILED",
        "board_unreachable",
        "build",
    )
    first, second = job["result"]["targets"]
    assert (first["target"], first["vectors"] > 0, "error" in first) == ("press", True, False)
    assert (second["target"], second["error"]["code"]) == ("lathe", "board_unreachable")
    assert job["error"]["message"].startswith("lathe: ")


def test_a_deployment_is_canceled_between_two_packets(press: Gateway, client: Client) -> None:
    (press.directory / "flash").unlink(missing_ok=True)
    with press.board() as board:
        wait_for_version(client, 1)
        os.kill(board.process.pid, signal.SIGSTOP)
        job_id = deploy(client)
        client.wait_for(
            "the job to run",
            lambda message: (
                message.topic == f"{client.root}/jobs/{job_id}/status"
                and json.loads(message.payload)["state"] == "IN_PROGRESS"
            ),
        )
        assert client.request("post", f"api/{PROJECT}/jobs/{job_id}/cancel").status == 200
        assert wait_for_end(client, job_id)["state"] == "CANCELED"
        os.kill(board.process.pid, signal.SIGCONT)
        again = wait_for_end(client, deploy(client))
        assert again["result"]["targets"][0]["previous"]["version"] == 1


def test_a_board_that_is_away_fails_the_job_soon_and_says_why(press: Gateway, client: Client) -> None:
    job = wait_for_end(client, deploy(client))
    assert (job["state"], job["error"]["code"], job["error"]["retryable"]) == (
        "FAILED",
        "board_unreachable",
        True,
    )
    assert f"127.0.0.1:{press.port}" in job["error"]["message"]
