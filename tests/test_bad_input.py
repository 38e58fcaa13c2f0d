"""A table of bad requests: each is refused with its status, its code and the member's name.

One daemon takes them all, and is unharmed afterwards: nothing was started, no file was left.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bad_requests import DATA, EMPTY, MALFORMED, POOR, SERIES, SETTINGS, TABLE, Bad
from tests.harness import Broker, Client, Daemon
from tests.scenario import IMPULSE, TRAIN, acquisition, properties, set_up_project, train_path, wait_for_end


@pytest.fixture(scope="module")
def served(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a project, and with projects that cannot be trained on."""
    daemon = Daemon(tmp_path_factory.mktemp("bad-input"), broker.port, device="bad-input")
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_project(client)
            for project in (POOR, EMPTY, SERIES):
                assert client.request("post", f"api/{project}/impulse", IMPULSE).status == 200
            one = client.request("post", f"api/{POOR}/training/data", acquisition([[1, 2, 3]]))
            series = acquisition()
            series["payload"]["interval_ms"] = 10
            assert one.status == 200
            assert client.request("post", f"api/{SERIES}/training/data", series).status == 200
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture(scope="module")
def client(served: Daemon) -> Iterator[Client]:
    with served.client() as connected:
        yield connected


def state_of(served: Daemon, client: Client) -> Any:
    """Everything that a refused request must not change."""
    facts = [
        client.request("get", path, body).body
        for path, body in (
            ("jobs", {}),
            ("api/1/impulse", {}),
            (SETTINGS, {}),
            *((f"api/{project}/raw-data", {"category": "training", "limit": 0}) for project in (1, 2, 3, 4)),
        )
    ]
    return facts, sorted(
        str(path) for path in served.state_dir.rglob("*") if not re.search("-wal|last-good", path.name)
    )


@pytest.fixture(scope="module", autouse=True)
def unharmed(served: Daemon, client: Client) -> Iterator[None]:
    """Before all and after all: the same process, the same state, no file left, nothing unexpected logged."""
    before = state_of(served, client)
    assert served.process is not None
    yield
    assert served.process.poll() is None, served.log()
    assert state_of(served, client) == before
    assert "Traceback" not in served.log() and "unexpectedly" not in served.log()


@pytest.mark.parametrize("bad", TABLE.values(), ids=TABLE)
def test_a_bad_request_is_refused_by_name(bad: Bad, client: Client) -> None:
    reply = client.request(bad.method, bad.path, bad.body)
    assert (reply.status, reply.body.get("code")) == (bad.status, bad.code), reply.body
    assert reply.body["success"] is False
    for said in bad.said:
        assert said in reply.body["error"]


def test_every_bad_request_is_acknowledged(served: Daemon) -> None:
    """More of them than the broker may send at once: none is left to block the window."""
    with served.client() as client:
        for _ in range(3):
            for body in MALFORMED.values():
                client.publish(f"{client.root}/post/{train_path()}", body)
        assert client.request("get", "status").status == 200


def test_topics_that_only_look_like_requests_are_left_alone(client: Client) -> None:
    topic = f"{client.reply_topic}/nobody"
    for path in ("post", "put/api/1/impulse", "POST/api/1/impulse", "jobs/1/status", "group/post/status"):
        client.publish(f"{client.root}/{path}", b"{}", properties=properties(ResponseTopic=topic))
    assert client.request("get", "status").status == 200
    assert [json.loads(m.payload)["code"] for m in client.seen if m.topic == topic] == ["not_found"]


CLOSE = [[number // 20, 0, 1] for number in range(60)]


@pytest.mark.parametrize(
    ("rows", "body", "code", "said"),
    [
        (
            CLOSE,
            {**TRAIN, "clusterCount": 4},
            "training_failed",
            ("clusterCount: 4", "largest allowed value is 3"),
        ),
        (CLOSE, {**TRAIN, "axes": [1, 2], "clusterCount": 2}, "training_failed", ("clusterCount: 2", "is 1")),
    ],
)
def test_what_only_the_rows_can_tell_fails_the_job_by_name(
    broker: Broker, tmp_path: Path, rows: list[Any], body: dict[str, Any], code: str, said: tuple[str, ...]
) -> None:
    daemon = Daemon(tmp_path, broker.port, device=f"rows-{math.prod(body['axes'])}-{body['clusterCount']}")
    try:
        daemon.start()
        with daemon.client() as client:
            client.subscribe(f"{client.root}/jobs/#")
            client.request("post", DATA, acquisition(rows))
            client.request("post", "api/1/impulse", IMPULSE)
            job = wait_for_end(client, client.request("post", train_path(), body).body["id"])
            assert (job["state"], job["error"]["code"], job["error"]["stage"]) == ("FAILED", code, "prepare")
            for words in said:
                assert words in job["error"]["message"]
            assert not list(daemon.state_dir.glob("projects/*/models/*/*"))
            assert not list((daemon.state_dir / "work").glob("*"))
            # Good requests go on: constant and doubled rows are fine.
            good = {**TRAIN, "clusterCount": 1 if len(body["axes"]) == 2 else 3, "axes": body["axes"]}
            assert (
                wait_for_end(client, client.request("post", train_path(), good).body["id"])["error"] is None
            )
    finally:
        daemon.stop()


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(TABLE) >= 40
