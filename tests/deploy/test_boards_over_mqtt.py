"""What users see of boards: routes, retained topics, live answers, stored rows, events.

The process that holds the ports is a stand-in here, which says what no real board could be made to say when
it is wanted; tests/deploy/test_deploy_over_mqtt.py has the real one.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.wire.deploy import Rows
from tests.deploy.stand_in_ports import StandInPorts, board, gone
from tests.harness import Broker, Client, Daemon, wait_until
from tests.scenario import GMM, KMEANS, ROWS, set_up_project, train, wait_for_end
from tests.security.conftest import DEPLOYER, guard

DEPLOY = f"api/1/jobs/deploy/{KMEANS}"
MODEL = f"projects/1/models/{KMEANS}"

CONFIG = """
[deploy]
socket = "{socket}"

[data.projects.1]
max_mb = 1

[targets.press]
board = "mps2-an386"
port = "socket://127.0.0.1:1"
groups = ["line"]
samples = "store"

[targets.valve]
board = "microbit"
port = "socket://127.0.0.1:2"
groups = ["line"]
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInPorts]:
    """The stand-in, which is there before the daemon is."""
    with StandInPorts(tmp_path_factory.mktemp("ports") / "s") as listening:
        yield listening


@pytest.fixture(scope="module")
def daemon(broker: Broker, ports: StandInPorts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with two targets, and two versions of a model."""
    directory = tmp_path_factory.mktemp("boards")
    config = CONFIG.format(socket=ports.path) + guard(directory, DEPLOYER, required='["deploy"]')
    served = Daemon(directory, broker.port, device="boards", config=config).start()
    try:
        with served.client() as client:
            client.subscribe(f"{client.root}/jobs/#")
            set_up_project(client)
            for _ in range(2):
                assert wait_for_end(client, train(client))["state"] == "SUCCEEDED"
        yield served
    finally:
        served.stop()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    """A client that hears what the device publishes."""
    with daemon.client() as connected:
        connected.subscribe(f"{connected.root}/#")
        yield connected


def published(client: Client, topic: str) -> list[dict[str, Any]]:
    """What has been published on a topic of the device."""
    return [
        json.loads(message.payload)
        for message in list(client.seen)
        if message.topic == f"{client.root}/{topic}" and message.payload
    ]


def wait_for_targets(client: Client, targets: dict[str, int]) -> dict[str, Any]:
    """Wait until the retained model says of targets which version they run; what it says of them."""

    def told() -> bool:
        said = published(client, MODEL)
        return bool(said) and {name: runs["version"] for name, runs in said[-1]["targets"].items()} == targets

    wait_until(f"the targets {targets}", told)
    found: dict[str, Any] = published(client, MODEL)[-1]["targets"]
    return found


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (
            DEPLOY,
            {"target": "pres"},
            400,
            "target: 'pres' is unknown, did you mean 'press'? targets are press, valve",
        ),
        (DEPLOY, {"target": "x"}, 400, "target: 'x' is unknown; targets are press, valve, groups are line"),
        (DEPLOY, {}, 400, "target: is required and missing"),
        (DEPLOY, {"target": "press", "version": 9}, 404, "version 9 is not kept; kept are 1, 2"),
        (
            f"api/1/jobs/deploy/{GMM}",
            {"target": "press"},
            404,
            "learn block 8 of project 1 has not been trained",
        ),
    ],
)
def test_what_cannot_be_deployed_is_refused(
    client: Client, path: str, body: dict[str, Any], status: int, words: str
) -> None:
    reply = client.request("post", path, DEPLOYER.sign(path, body, device=client.device))
    assert reply.status == status and words in reply.body["error"], reply.body


def test_a_deployment_is_signed_once_where_it_must_be(client: Client) -> None:
    body = {"target": "line", "version": 1}
    assert client.request("post", DEPLOY, body).body["code"] == "signature_missing"
    signed = DEPLOYER.sign(DEPLOY, body, device=client.device)
    reply = client.request("post", DEPLOY, signed)
    assert reply.status == 200 and reply.body["deploymentVersion"] == 1
    assert reply.body["targets"] == ["press", "valve"]
    again = client.request("post", DEPLOY, signed)
    assert (again.status, again.body["code"]) == (403, "request_replayed")
    job = client.request("get", f"api/1/jobs/{reply.body['id']}/status").body["job"]
    assert (job["categoryKey"], job["key"]) == ("deploy", "deploy-line-7")


def test_a_group_of_devices_is_refused(client: Client, daemon: Daemon) -> None:
    reply = client.request("post", DEPLOY, {"target": "press"}, group=daemon.group)
    assert (reply.status, reply.body["code"]) == (403, "forbidden")


def test_the_model_s_topic_says_what_boards_say_they_run(client: Client, ports: StandInPorts) -> None:
    ports.say(board(1))
    said = wait_for_targets(client, {"press": 1})["press"]
    assert said == {
        "version": 1,
        "digest": f"{1:064x}",
        "source": "slot0",
        "confirmed": True,
        "asked": "2026-03-01T12:00:00.000Z",
    }
    ports.say(board(2, target="valve"))
    wait_for_targets(client, {"press": 1, "valve": 2})
    status = client.request("get", "status").body
    assert status["targets"]["valve"]["model"]["version"] == 2
    assert [model["targets"]["press"]["version"] for model in status["models"]] == [1]
    # A board that runs another model, or one of another device, is not told of here.
    ports.say(board(7, target="valve", project_id=9))
    wait_for_targets(client, {"press": 1})
    assert client.request("get", "status").body["targets"]["valve"]["model"]["projectId"] == 9


def test_asking_again_publishes_nothing_while_the_answer_is_the_same(
    client: Client, ports: StandInPorts
) -> None:
    ports.say(board(1))
    wait_for_targets(client, {"press": 1})
    before = len(published(client, MODEL))
    ports.say(board(1, asked="2026-03-01T13:00:00.000Z"))
    wait_until(
        "the later answer",
        lambda: client.request("get", "status").body["targets"]["press"]["asked"].startswith("2026-03-01T13"),
    )
    assert len(published(client, MODEL)) == before


def test_a_board_that_is_gone_is_told_once_and_when_it_is_back(client: Client, ports: StandInPorts) -> None:
    ports.say(board(1))
    wait_for_targets(client, {"press": 1})
    for _ in range(2):
        ports.say(gone("the port is not there"))
    wait_for_targets(client, {})
    state = client.request("get", "status").body["targets"]["press"]
    assert (state["online"], state["reason"]) == (False, "the port is not there")
    ports.say(board(2))
    wait_for_targets(client, {"press": 2})
    wait_until("the event", lambda: published(client, "events/target-back"))
    (told,), (back,) = published(client, "events/target-gone"), published(client, "events/target-back")
    assert (told["target"], told["reason"]) == ("press", "the port is not there")
    assert (back["target"], back["model"]["version"]) == ("press", 2)


@pytest.mark.parametrize("end", ["crash", "nonsense"])
def test_what_nobody_can_ask_is_not_remembered(client: Client, ports: StandInPorts, end: str) -> None:
    ports.say(board(1))
    wait_for_targets(client, {"press": 1})
    if end == "crash":
        ports.stop()
    else:
        ports.say(b'{"type": "board", "target": 5}')
    wait_for_targets(client, {})
    listened = len(ports.heard)
    if end == "crash":
        ports.start()
    wait_until("another try", lambda: len(ports.heard) > listened)
    ports.say(board(2))
    wait_for_targets(client, {"press": 2})
    # The board was there all the time, as far as anybody knows.
    assert published(client, "events/target-gone") == []


def test_boards_that_run_the_model_follow_a_rollback(client: Client, ports: StandInPorts) -> None:
    ports.say(board(2))
    ports.say(board(1, target="valve"))
    wait_for_targets(client, {"press": 2, "valve": 1})
    path = f"api/1/models/{KMEANS}/rollback"
    reply = client.request("post", path, DEPLOYER.sign(path, {}, device=client.device)).body
    # The valve runs the earlier version already.
    assert (reply["model"]["version"], reply["targets"]) == (1, ["press"])
    (job_id,) = reply["deployJobs"]
    job = client.request("get", f"api/1/jobs/{job_id}/status").body["job"]
    assert (job["key"], job["learnId"]) == ("deploy-press-7", KMEANS)
    forth = DEPLOYER.sign(path, {"version": 2}, device=client.device)
    assert client.request("post", path, forth).body["targets"] == ["valve"]


def test_a_rollback_that_cannot_reach_every_board_changes_nothing(broker: Broker) -> None:
    with tempfile.TemporaryDirectory(prefix="boards-") as folder, StandInPorts(Path(folder) / "s") as ports:
        config = CONFIG.format(socket=ports.path) + "[jobs]\nmax_queued = 1\n"
        served = Daemon(Path(folder), broker.port, device="full-queue", config=config).start()
        try:
            with served.client() as client:
                client.subscribe(f"{client.root}/#")
                set_up_project(client)
                for _ in range(2):
                    assert wait_for_end(client, train(client))["state"] == "SUCCEEDED"
                ports.say(board(2))
                ports.say(board(2, target="valve"))
                wait_for_targets(client, {"press": 2, "valve": 2})
                reply = client.request("post", f"api/1/models/{KMEANS}/rollback", {})
                assert (reply.status, reply.body["code"]) == (429, "queue_full")
                assert client.request("get", f"api/1/models/{KMEANS}").body["current"] == 2
                assert client.request("get", "api/1/jobs").body["jobs"] == []
        finally:
            served.stop()


def rows(first: int, count: int, score_q: int = 5, *, boot: int = 5) -> Rows:
    """Rows that the press has sampled: those of the scenario, over and over."""
    packed = b"".join(struct.pack("<3f", *ROWS[number % len(ROWS)]) for number in range(first, first + count))
    return Rows(
        target="press",
        boot=boot,
        first=first,
        interval_ms=10,
        project_id=1,
        learn_id=KMEANS,
        version=2,
        inputs=packed,
        outputs=[[score_q]] * count,
    )


def test_answers_are_published_in_the_unit_of_the_score_at_a_bounded_rate(
    client: Client, ports: StandInPorts
) -> None:
    how = client.request("get", f"api/1/models/{KMEANS}/2").body["manifest"]
    scale, threshold_q = how["quantization"]["scoreScale"], how["quantization"]["thresholdQ"]
    topic = f"projects/1/inference/{KMEANS}"
    for number, score_q in enumerate((threshold_q - 1, threshold_q)):
        ports.say(rows(number, 1, score_q, boot=90))
    wait_until("both rows", lambda: last_row(client) == 1)
    assert answers(client) == [
        {"row": 0, "score": (threshold_q - 1) * scale, "anomaly": False},
        {"row": 1, "score": threshold_q * scale, "anomaly": True},
    ]
    before = len(published(client, topic))
    for number in range(2, 402, 4):
        ports.say(rows(number, 4, boot=90))
    wait_until("the last row", lambda: last_row(client) == 401)
    told = published(client, topic)[before:]
    assert {(each["target"], each["version"], each["threshold"]) for each in told} == {
        ("press", 2, how["threshold"])
    }
    # Of 400 rows in far less than a second not all are told, and it is said of how many.
    assert sum(len(each["results"]) + each["skipped"] for each in told) == 400
    assert max(len(each["results"]) for each in told) == 100


def answers(client: Client) -> list[dict[str, Any]]:
    """What the model has answered, row by row."""
    told = published(client, f"projects/1/inference/{KMEANS}")
    return [answer for each in told for answer in each["results"]]


def last_row(client: Client) -> int | None:
    """Number of the last row that has been told."""
    told = answers(client)
    return told[-1]["row"] if told else None


def samples(client: Client, boot: int) -> list[dict[str, Any]]:
    """Of the latest rows of project 1 those that the press has sampled since a start of it."""
    wanted: dict[str, Any] = {"category": "training", "limit": 0}
    total = client.request("get", "api/1/raw-data", wanted).body["totalCount"]
    wanted = {"category": "training", "offset": max(total - 500, 0), "limit": 500}
    listed = client.request("get", "api/1/raw-data", wanted).body["samples"]
    return [sample for sample in listed if sample["metadata"].get("rows", "").endswith(f" start {boot}")]


def test_rows_are_stored_once_and_go_on_where_they_were(client: Client, ports: StandInPorts) -> None:
    ports.say(rows(1000, 200, boot=91))
    ports.say(rows(1200, 100, boot=91))
    wait_until("a recording", lambda: samples(client, 91))
    stored = samples(client, 91)
    assert len(stored) == 300 and [sensor["name"] for sensor in stored[0]["sensors"]] == ["x", "y", "z"]
    assert stored[0]["metadata"] == {"target": "press", "model": "7.2", "rows": "1000 to 1299 of start 91"}
    # What is gathered when nobody speaks any more is stored, too; then they go on behind it.
    ports.say(rows(1300, 7, boot=91))
    wait_until("the answers", lambda: last_row(client) == 1306)
    ports.stop()
    ports.start()
    heard = len(ports.heard)
    wait_until("another connection", lambda: len(ports.heard) > heard)
    cursor = ports.heard[-1].cursors["press"]
    assert (cursor.boot, cursor.row) == (91, 1307)
    assert len(samples(client, 91)) == 307


def test_rows_that_find_no_room_are_an_event_and_harm_nothing(client: Client, ports: StandInPorts) -> None:
    for part in range(2):
        ports.say(rows(part * 100_000, 100_000, boot=92))
    wait_until("the event", lambda: published(client, "events/samples-refused"))
    # Smaller ones find room again.
    ports.say(rows(0, 256, boot=93))
    wait_until("a recording", lambda: samples(client, 93))
    (refused,) = published(client, "events/samples-refused")
    assert (refused["target"], refused["rows"], refused["code"]) == ("press", 100_000, "quota_exceeded")
    assert "data.projects.1.max_mb" in refused["message"]
    assert samples(client, 92) == []


def test_a_row_that_is_no_row_is_left_out(client: Client, ports: StandInPorts) -> None:
    told = rows(0, 256, boot=95)
    ports.say(msgspec.structs.replace(told, inputs=struct.pack("<3f", 1, float("nan"), 2) + told.inputs[12:]))
    wait_until("a recording", lambda: samples(client, 95))
    assert len(samples(client, 95)) == 255


def test_rows_of_a_model_that_is_not_kept_are_told_as_they_are(client: Client, ports: StandInPorts) -> None:
    ports.say(msgspec.structs.replace(rows(0, 256, boot=94), version=77))
    wait_until("the event", lambda: published(client, "events/samples-refused"))
    assert published(client, "events/samples-refused")[0]["code"] == "not_found"
    topic = f"projects/1/inference/{KMEANS}"
    wait_until("the answers", lambda: [told for told in published(client, topic) if told["version"] == 77])
    said = published(client, topic)[-1]
    assert said["results"][0] == {"row": 156, "outputs": [5]} and "threshold" not in said


def test_a_version_without_an_int8_model_is_not_deployed(client: Client, daemon: Daemon) -> None:
    """As an older trainerd has left them."""
    manifest = daemon.state_dir / "projects" / "1" / "models" / str(KMEANS) / "1" / "manifest.json"
    whole = manifest.read_bytes()
    told = json.loads(whole)
    told["files"] = {name: file for name, file in told["files"].items() if not name.startswith("model_int8")}
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(told))
    try:
        body = {"target": "press", "version": 1}
        reply = client.request("post", DEPLOY, DEPLOYER.sign(DEPLOY, body, device=client.device))
    finally:
        manifest.write_bytes(whole)
    assert (reply.status, reply.body["code"]) == (409, "conflict")
    assert "version 1 has no int8 model: train it again" in reply.body["error"]
