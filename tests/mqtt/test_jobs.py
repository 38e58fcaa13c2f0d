"""A training from its request to its version, as another program sees it over the broker."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.local_api import LocalClient
from tests.harness import Broker, Client, Daemon
from tests.scenario import (
    GMM,
    IMPULSE,
    KMEANS,
    TRAIN,
    acquisition,
    set_up_project,
    train,
    train_path,
    wait_for_end,
)
from tests.versions import half_written, visible_versions

STAGES = ("prepare", "train", "quantize", "evaluate", "export")


@pytest.fixture(scope="module")
def trained(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that keeps three versions; each test trains in a project of its own."""
    daemon = Daemon(
        tmp_path_factory.mktemp("trained"),
        broker.port,
        device="trained",
        config="[models]\nkeep_versions = 3\n",
    )
    try:
        yield daemon.start()
    finally:
        daemon.stop()


@pytest.fixture
def listener(trained: Daemon) -> Iterator[Client]:
    """A client that hears everything that the device publishes."""
    with trained.client() as client:
        client.subscribe(f"{client.root}/#")
        yield client


def payloads(client: Client, topic: str) -> list[dict[str, Any]]:
    return [json.loads(m.payload) for m in list(client.seen) if m.topic == f"{client.root}/{topic}"]


def test_a_job_is_told_from_its_queue_to_its_end(trained: Daemon, listener: Client) -> None:
    set_up_project(listener, 1)
    job_id = train(listener, request_id="the whole way")
    job = wait_for_end(listener, job_id)
    listener.wait_for("finished", lambda m: m.topic.endswith(f"/jobs/{job_id}/finished"))

    told = payloads(listener, f"jobs/{job_id}/status")
    assert [status["state"] for status in told] == ["QUEUED", "IN_PROGRESS", "SUCCEEDED"]
    assert [status["version"] for status in told] == [1, 2, 3]
    assert {status["requestId"] for status in told} == {"the whole way"}
    assert job["finishedSuccessful"] is True and job["error"] is None and job["progress"] == 1.0
    assert job["created"] <= job["started"] <= job["finished"] and job["finished"].endswith("Z")
    assert (job["projectId"], job["learnId"], job["categoryKey"]) == (1, KMEANS, "train-anomaly")
    assert job["result"]["version"] == 1

    progress = payloads(listener, f"jobs/{job_id}/progress")
    assert progress
    assert all(step["stage"] in STAGES and 0 <= step["progress"] <= 1 for step in progress)
    assert [step["progress"] for step in progress] == sorted(step["progress"] for step in progress)
    assert payloads(listener, f"jobs/{job_id}/finished") == [{"success": True}]
    retained = {m.topic: m.retain for m in listener.seen}
    assert not retained[f"{listener.root}/jobs/{job_id}/finished"]

    reply = listener.request("get", f"api/1/jobs/{job_id}/status")
    assert reply.body == {"success": True, "job": job}
    elsewhere = listener.request("get", f"api/2/jobs/{job_id}/status")
    assert elsewhere.status == 404
    history = listener.request("get", "api/1/jobs/history").body["jobs"]
    assert history == [job] and listener.request("get", "api/1/jobs").body["jobs"] == []
    assert half_written(trained.state_dir) == []


def test_log_lines_are_published_and_kept(listener: Client) -> None:
    """A constant column is trained with, and warned of."""
    listener.request(
        "post", "api/3/training/data", acquisition([[number, 1, number % 5] for number in range(20)])
    )
    set_up_impulse(listener, 3)
    job = wait_for_end(listener, train(listener, project=3))
    assert job["state"] == "SUCCEEDED"
    assert any("'y' is constant" in warning for warning in job["result"]["warnings"])
    stdout = listener.request("get", f"api/3/jobs/{job['id']}/stdout").body
    lines = payloads(listener, f"jobs/{job['id']}/data")
    assert any("'y' is constant" in line["data"] for line in lines)
    assert stdout["totalCount"] == len(lines)
    assert [(line["data"], line["logLevel"]) for line in stdout["stdout"]] == [
        (line["data"], line["logLevel"]) for line in lines
    ]


def set_up_impulse(client: Client, project: int) -> None:
    assert client.request("post", f"api/{project}/impulse", IMPULSE).status == 200


def test_a_failed_job_says_so(listener: Client) -> None:
    set_up_impulse(listener, 4)
    listener.request("post", "api/4/training/data", acquisition([[number % 3, 1, 2] for number in range(20)]))
    job = wait_for_end(listener, train_with(listener, 4, clusterCount=5))
    assert (job["state"], job["finishedSuccessful"], job["result"]) == ("FAILED", False, None)
    assert set(job["error"]) == {"code", "message", "stage", "retryable"}
    listener.wait_for("finished", lambda m: m.topic.endswith(f"/jobs/{job['id']}/finished"))
    assert payloads(listener, f"jobs/{job['id']}/finished") == [{"success": False}]
    assert f"{listener.root}/projects/4/models/{KMEANS}" not in {m.topic for m in listener.seen}


def train_with(client: Client, project: int, **members: Any) -> int:
    reply = client.request("post", train_path(project=project), {**TRAIN, **members})
    assert reply.status == 200, reply.body
    return int(reply.body["id"])


def test_versions_are_kept_rolled_back_and_retained(trained: Daemon, listener: Client) -> None:
    set_up_project(listener, 5)
    for _ in range(4):
        assert wait_for_end(listener, train(listener, project=5))["state"] == "SUCCEEDED"
    path, topic = f"api/5/models/{KMEANS}", f"projects/5/models/{KMEANS}"
    assert visible_versions(trained.state_dir)[5, KMEANS] == [2, 3, 4]
    listed = listener.request("get", path).body
    assert listed["current"] == 4 and [entry["version"] for entry in listed["versions"]] == [2, 3, 4]

    def current() -> int:
        return int(payloads(listener, topic)[-1]["version"])

    assert listener.request("post", f"{path}/rollback", {"version": 2}).body["model"]["version"] == 2
    listener.wait_for("version 2", lambda _: current() == 2)
    oldest = listener.request("post", f"{path}/rollback")
    assert (oldest.status, oldest.body["code"]) == (409, "conflict")
    gone = listener.request("post", f"{path}/rollback", {"version": 1})
    assert (gone.status, gone.body["code"]) == (404, "not_found") and "2, 3, 4" in gone.body["error"]
    assert wait_for_end(listener, train(listener, project=5))["result"]["version"] == 5
    listener.wait_for("version 5", lambda _: current() == 5)
    # The version that was in use is kept by being among the newest, or by being in use.
    assert visible_versions(trained.state_dir)[5, KMEANS] == [3, 4, 5]
    assert listener.request("post", f"{path}/rollback").body["model"]["version"] == 4
    # The same by another way: a rollback over the local socket is published as well.
    local = LocalClient(trained.socket)
    local.open()
    assert local.request("post", f"{path}/rollback", {"version": 3})[0] == 200
    local.close()
    listener.wait_for("version 3", lambda _: current() == 3)


def test_a_version_is_fetched_in_parts_cut_off_anywhere(trained: Daemon, listener: Client) -> None:
    set_up_project(listener, 6)
    wait_for_end(listener, train(listener, GMM, 6))
    path = f"api/6/models/{GMM}/1"
    manifest = listener.request("get", path).body["manifest"]
    folder = trained.state_dir / "projects/6/models" / str(GMM) / "1"
    names = ["manifest.json", *manifest["files"]]
    assert sorted(names) == sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    for name in names:
        fetched = b""
        while True:
            part = listener.request(
                "get",
                f"{path}/files/{name}",
                {"offset": len(fetched), "length": 1000 + 777 * len(fetched) % 9000},
            ).body
            fetched += base64.b64decode(part["data"])
            if len(fetched) >= part["size"]:
                break
        assert fetched == (folder / name).read_bytes()
        assert hashlib.sha256(fetched).hexdigest() == part["sha256"]
        beyond = listener.request("get", f"{path}/files/{name}", {"offset": 2**50}).body
        assert beyond["data"] == "" and beyond["size"] == len(fetched)


@pytest.mark.parametrize(
    "name",
    ["../1/manifest.json", "..", ".", "c", "c/..", "/etc/passwd", "c/../manifest.json", "no.npz", "%2e%2e"],
)
def test_nothing_but_a_version_s_files_is_fetched(listener: Client, name: str) -> None:
    if listener.request("get", f"api/7/models/{KMEANS}/1").status == 404:
        set_up_project(listener, 7)
        wait_for_end(listener, train(listener, project=7))
    reply = listener.request("get", f"api/7/models/{KMEANS}/1/files/{name}")
    assert (reply.status, reply.body["code"]) == (404, "not_found")
    assert "data" not in reply.body


@pytest.mark.parametrize("body", [{"length": 64 * 1024 + 1}, {"length": -1}, {"offset": -1}, {"offset": "0"}])
def test_a_part_is_of_a_sensible_size(listener: Client, body: dict[str, Any]) -> None:
    reply = listener.request("get", f"api/7/models/{KMEANS}/1/files/manifest.json", body)
    assert (reply.status, reply.body["code"]) == (400, "invalid_member")
    assert reply.body["error"].startswith(f"{next(iter(body))}: ")


def test_more_jobs_than_the_queue_holds_are_refused(broker: Broker, tmp_path: Any) -> None:
    daemon = Daemon(
        tmp_path,
        broker.port,
        device="narrow",
        config="[jobs]\nmax_queued = 1\n",
        environment={"TRAINERD_FAULT": "worker.prepare:hang"},
    )
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_project(client)
            client.subscribe(f"{client.root}/jobs/#")
            running = train(client)
            client.wait_for("its start", lambda m: b"IN_PROGRESS" in m.payload)
            train(client)
            refused = client.request("post", train_path(), TRAIN)
            assert (refused.status, refused.body["code"]) == (429, "queue_full")
            client.request("post", f"api/1/jobs/{running}/cancel")
    finally:
        daemon.stop()
