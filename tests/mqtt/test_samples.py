"""Samples and projects are listed, changed and deleted; what was trained stays as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Broker, Client, Daemon, wait_until
from tests.scenario import ROWS, acquisition, set_up_project, train, wait_for_end


@pytest.fixture(scope="module")
def keeper(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("keeper"), broker.port, device="keeper")
    try:
        yield daemon.start()
    finally:
        daemon.stop()


@pytest.fixture
def client(keeper: Daemon) -> Iterator[Client]:
    with keeper.client() as connected:
        yield connected


def done(client: Client, path: str, body: Any = None) -> Any:
    reply = client.request("post", path, body or {})
    assert reply.status == 200, reply.body
    return reply.body


def add(client: Client, project: int, rows: list[Any], category: str = "training", **members: Any) -> int:
    return int(done(client, f"api/{project}/{category}/data", acquisition(rows, **members))["sampleId"])


def listed(client: Client, project: int, category: str = "training") -> list[dict[str, Any]]:
    reply = client.request("get", f"api/{project}/raw-data", {"category": category})
    assert reply.body["totalCount"] == len(reply.body["samples"])
    samples: list[dict[str, Any]] = reply.body["samples"]
    return samples


def stored_rows(daemon: Daemon, project: int, category: str = "training") -> dict[int, bytes]:
    """Values of each sample, as the next training reads them."""
    with sqlite3.connect(f"file:{daemon.state_dir / 'trainerd.db'}?mode=ro", uri=True) as connection:
        found = connection.execute(
            "SELECT id, rows, data FROM recording WHERE project_id = ? AND category = ? ORDER BY id",
            (project, category),
        ).fetchall()
    connection.close()
    return {
        first + number: data[number * (len(data) // rows) : (number + 1) * (len(data) // rows)]
        for first, rows, data in found
        for number in range(rows)
    }


def test_a_row_is_deleted_and_its_neighbours_keep_their_ids(client: Client, keeper: Daemon) -> None:
    first = add(client, 1, ROWS[:6], labels=list("abcdef"))
    before = stored_rows(keeper, 1)
    for number in (2, 0, 5):
        done(client, f"api/1/raw-data/{first + number}/delete")
    left = [first + number for number in (1, 3, 4)]
    assert [(sample["id"], sample["label"]) for sample in listed(client, 1)] == list(
        zip(left, "bde", strict=True)
    )
    assert stored_rows(keeper, 1) == {sample: before[sample] for sample in left}
    gone = client.request("post", f"api/1/raw-data/{first + 2}/delete", {})
    assert (gone.status, gone.body["code"]) == (404, "not_found") and str(first + 2) in gone.body["error"]
    # The newest one too: its id is never given again.
    done(client, "api/1/raw-data/delete-all")
    assert listed(client, 1) == []
    assert add(client, 1, ROWS[:1]) == first + 6


def test_labels_names_categories_and_metadata_are_changed_later(client: Client) -> None:
    first = add(client, 2, ROWS[:4], label="idle", fileName="monday", metadata={"shift": "1"})
    path = f"api/2/raw-data/{first + 1}"
    done(client, f"{path}/edit-label", {"label": "anomaly"})
    done(client, f"api/2/raw-data/{first + 2}/edit-label")
    done(client, f"{path}/rename", {"name": "the odd one"})
    done(client, f"{path}/metadata", {"metadata": {"shift": "2", "who": "me"}})
    done(client, f"api/2/raw-data/{first + 3}/metadata")
    done(client, f"api/2/raw-data/{first}/move", {"newCategory": "testing"})
    assert [
        (sample["id"] - first, sample["label"], sample["filename"], sample["metadata"])
        for sample in listed(client, 2)
    ] == [
        (1, "anomaly", "the odd one", {"shift": "2", "who": "me"}),
        (2, None, "monday", {"shift": "1"}),
        (3, "idle", "monday", {}),
    ]
    (moved,) = listed(client, 2, "testing")
    assert (moved["id"], moved["label"], moved["category"]) == (first, "idle", "testing")


def test_a_time_series_is_one_sample(client: Client) -> None:
    body = acquisition(ROWS[:5], label="on")
    body["payload"]["interval_ms"] = 10
    sample = done(client, "api/3/training/data", body)["sampleId"]
    done(client, f"api/3/raw-data/{sample}/edit-label", {"label": "off"})
    assert [(found["label"], found["valuesCount"]) for found in listed(client, 3)] == [("off", 5)]
    inside = client.request("post", f"api/3/raw-data/{sample + 1}/delete", {})
    assert inside.status == 404
    other = client.request("post", f"api/4/raw-data/{sample}/delete", {})
    assert other.status == 404, "a sample belongs to its project"
    done(client, f"api/3/raw-data/{sample}/delete")
    assert listed(client, 3) == []


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("api/1/raw-data/1/move", {"newCategory": "all"}, "newCategory: "),
        ("api/1/raw-data/1/move", {}, "newCategory: is required"),
        ("api/1/raw-data/1/rename", {}, "name: is required"),
        ("api/1/raw-data/1/edit-label", {"labels": "x"}, "labels: unknown member, did you mean label?"),
        ("api/1/raw-data/1/metadata", {"metadata": {"a": 1}}, "metadata"),
        ("api/1/raw-data/last/delete", {}, "sampleId: 'last'"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_by_name(
    client: Client, path: str, body: Any, said: str
) -> None:
    reply = client.request("post", path, body)
    assert (reply.status, reply.body["code"]) == (400, "invalid_member")
    assert said in reply.body["error"]


def test_what_was_trained_says_what_it_was_trained_on(client: Client) -> None:
    set_up_project(client, 5)
    client.subscribe(f"{client.root}/jobs/#")

    def trained() -> dict[str, Any]:
        assert wait_for_end(client, train(client, project=5))["error"] is None
        version = client.request("get", "api/5/models/7").body["current"]
        manifest: dict[str, Any] = client.request("get", f"api/5/models/7/{version}").body["manifest"]
        return manifest

    first = trained()
    sample = listed(client, 5)[7]["id"]
    done(client, f"api/5/raw-data/{sample}/delete")
    assert client.request("get", "api/5/models/7/1").body["manifest"] == first
    second = trained()
    assert second["data"]["digest"] != first["data"]["digest"]


def test_a_project_goes_with_all_that_belongs_to_it(client: Client, keeper: Daemon) -> None:
    set_up_project(client, 6)
    client.subscribe(f"{client.root}/jobs/#")
    client.subscribe(f"{client.root}/projects/6/models/7")
    job = train(client, project=6)
    refused = client.request("post", "api/6/delete", {})
    if refused.status != 200:
        assert (refused.status, refused.body["code"]) == (409, "conflict") and str(job) in refused.body[
            "error"
        ]
    wait_for_end(client, job)
    wait_until("the model", lambda: any(m.payload and "/projects/6/" in m.topic for m in list(client.seen)))
    shown = client.request("get", "api/6").body["project"]
    assert shown["dataSummary"]["training"] == {"recordings": 1, "rows": 60} and shown["bytes"] > 60 * 12
    assert 6 in [project["id"] for project in client.request("get", "api/projects").body["projects"]]
    done(client, "api/6/delete")
    cleared = client.wait_for("the cleared model", lambda m: "/projects/6/" in m.topic and not m.payload)
    assert cleared.topic == f"{client.root}/projects/6/models/7"
    for path in ("api/6", "api/6/impulse", "api/6/models/7", "api/6/training/anomaly/7"):
        assert client.request("get", path).status == 404
    assert client.request("post", "api/6/delete", {}).status == 404
    assert not (keeper.state_dir / "projects" / "6").exists() and not list(keeper.state_dir.glob("removed/*"))
    # The same id is a new project: nothing of the old one comes back.
    set_up_project(client, 6)
    assert client.request("get", "api/6/models/7").body["versions"] == []
    assert client.request("get", "api/6/training/anomaly/7").body["trained"] is False


def test_files_of_a_deleted_project_go_at_the_next_start_where_a_power_cut_came_between(
    broker: Broker, tmp_path: Path
) -> None:
    daemon = Daemon(tmp_path, broker.port, device="half-deleted")
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_project(client)
            client.subscribe(f"{client.root}/jobs/#")
            wait_for_end(client, train(client))
            daemon.kill()
            daemon.start(wait=False, environment={"TRAINERD_FAULT": "intake.after_commit:kill"})
            wait_until("the socket", daemon.socket.exists)
            client.publish(f"{client.root}/post/api/1/delete", b"{}")
            assert daemon.process is not None
            daemon.process.wait(30)
            assert (daemon.state_dir / "projects" / "1").exists()
            daemon.start()
            assert not (daemon.state_dir / "projects" / "1").exists()
            assert client.request("get", "api/1/models/7").status == 404
    finally:
        daemon.stop()


def test_deleting_gives_room_back_while_requests_are_served(client: Client, keeper: Daemon) -> None:
    database = keeper.state_dir / "trainerd.db"
    small = database.stat().st_size
    rows = [[number, number / 7, -number] for number in range(3000)]
    for _ in range(100):
        add(client, 9, rows)
    wait_until("the file to grow", lambda: database.stat().st_size > small + 2 * 2**20)
    done(client, "api/9/delete")
    assert client.request("get", "status").status == 200
    wait_until("the file to shrink", lambda: database.stat().st_size < small + 2**20 + 2**19)


def test_other_columns_may_come_once_the_old_data_is_gone(client: Client) -> None:
    add(client, 10, ROWS[:2])
    body = acquisition([[1], [2]])
    body["payload"]["sensors"] = [{"name": "flow"}]
    assert client.request("post", "api/10/training/data", body).status == 400
    done(client, "api/10/raw-data/delete-all/training")
    assert client.request("post", "api/10/training/data", body).status == 200
