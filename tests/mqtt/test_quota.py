"""What may be stored is limited; the oldest makes room where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Broker, Client, Daemon, Reply
from tests.scenario import IMPULSE, acquisition

#: 4000 rows of 3 columns are 48,000 bytes: 21 of them fit into a MiB.
ROWS = [[number, number / 2, -number] for number in range(4000)]
FIT = 21


@pytest.fixture(scope="module")
def served(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    config = (
        "[data]\nmax_mb = 3\nmax_project_mb = 1\nmax_projects = 4\nmax_frames = 1\n\n"
        '[data.projects.2]\nwhen_full = "drop-oldest"\n'
    )
    daemon = Daemon(tmp_path_factory.mktemp("quota"), broker.port, device="quota", config=config)
    try:
        yield daemon.start()
    finally:
        daemon.stop()


@pytest.fixture(scope="module")
def client(served: Daemon) -> Iterator[Client]:
    with served.client() as connected:
        yield connected


def add(client: Client, project: int, category: str = "training", **members: Any) -> Reply:
    return client.request("post", f"api/{project}/{category}/data", acquisition(ROWS, **members))


def held(client: Client, project: int) -> dict[str, int]:
    summary = client.request("get", f"api/{project}").body["project"]["dataSummary"]
    return {category: found["recordings"] for category, found in summary.items()}


def test_a_recording_over_the_quota_is_refused_with_the_remedy(client: Client) -> None:
    for _ in range(FIT):
        assert add(client, 1).status == 200
    before = client.request("get", "api/1").body["project"]
    assert before["bytes"] <= before["maxBytes"] == 2**20
    refused = add(client, 1)
    assert (refused.status, refused.body["code"]) == (409, "quota_exceeded")
    for said in (
        "project 1 may hold 1 MiB",
        "1.01",
        "post api/1/raw-data/delete-all",
        "raise data.projects.1.max_mb",
    ):
        assert said in refused.body["error"]
    assert client.request("get", "api/1").body["project"] == before
    sample = client.request("get", "api/1/raw-data", {"category": "training", "limit": 1}).body["samples"][0]
    # A refused request leaves nothing behind, and its id may be used again once there is room.
    assert client.request("post", "api/1/raw-data/delete-all/training", {}).status == 200
    assert add(client, 1).status == 200
    assert sample["id"] == 1


def test_the_oldest_of_the_category_makes_room_where_asked(client: Client) -> None:
    tests = [add(client, 2, "testing").body["sampleId"] for _ in range(3)]
    added = [add(client, 2).body["sampleId"] for _ in range(FIT + 5)]
    assert held(client, 2) == {"training": FIT - 3, "testing": 3, "anomaly": 0}
    listed = client.request("get", "api/2/raw-data", {"category": "training", "limit": 1}).body
    assert listed["samples"][0]["id"] == added[-(FIT - 3)]
    kept = client.request("get", "api/2/raw-data", {"category": "testing", "limit": 1}).body
    assert kept["samples"][0]["id"] == tests[0]
    # What is larger than everything of its own category does not eat the others.
    refused = [add(client, 2, "anomaly").status for _ in range(2)]
    assert refused == [409, 409] and held(client, 2)["testing"] == 3


def test_long_labels_count_too(client: Client) -> None:
    labels = ["x" * 250] * 4000
    client.request("post", "api/1/raw-data/delete-all", {})
    body = acquisition([[1, 2, 3]] * 900, labels=labels[:900])
    for _ in range(4):
        assert client.request("post", "api/1/training/data", body).status == 200
    assert client.request("post", "api/1/training/data", body).body["code"] == "quota_exceeded"
    client.request("post", "api/1/raw-data/delete-all", {})


def test_a_change_counts_as_well(client: Client) -> None:
    sample = add(client, 1).body["sampleId"]
    for _ in range(FIT - 1):
        assert add(client, 1).status == 200
    large = {"metadata": {"notes": "x" * 60_000}}
    refused = client.request("post", f"api/1/raw-data/{sample}/metadata", large)
    assert (refused.status, refused.body["code"]) == (409, "quota_exceeded")
    first = client.request("get", "api/1/raw-data", {"category": "training", "limit": 1}).body["samples"][0]
    assert (first["id"], first["metadata"]) == (sample, {})
    client.request("post", "api/1/raw-data/delete-all", {})


def test_all_projects_together_have_a_limit(client: Client) -> None:
    assert client.request("post", "api/2/delete", {}).status == 200
    for project in (1, 3, 4):
        for _ in range(FIT):
            assert add(client, project).status == 200
    assert client.request("post", "api/5/impulse", IMPULSE).status == 200
    refused = [add(client, 5) for _ in range(3)][-1]
    assert (refused.status, refused.body["code"]) == (409, "quota_exceeded")
    assert "all projects together may hold 3 MiB" in refused.body["error"]
    assert "raise data.max_mb" in refused.body["error"]


def test_projects_and_frames_are_counted(client: Client) -> None:
    for path, body in (("api/6/training/data", acquisition([[1, 2, 3]])), ("api/6/impulse", IMPULSE)):
        refused = client.request("post", path, body)
        assert (refused.status, refused.body["code"]) == (409, "quota_exceeded")
        assert "4 projects already" in refused.body["error"]
    frame = {"name": "one", "schema": [["a", "float64"]], "rows": [[1]]}
    first = client.request("post", "v1/frames", frame)
    assert first.status == 200
    refused = client.request("post", "v1/frames", {**frame, "name": "two"})
    assert (refused.status, refused.body["error"]["code"]) == (409, "quota_exceeded")
    assert client.request("post", f"v1/frames/{first.body['id']}/delete", {}).status == 200
    assert client.request("post", "v1/frames", frame).status == 200
