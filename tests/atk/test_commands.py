"""ATK's routes over a real broker, with a real daemon and real workers."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.atk.conversation import (
    DATA,
    HIGH,
    SEED,
    make_frame,
    make_model,
    ok,
    refusal,
    result,
    run,
    train_body,
    wait_for,
)
from tests.harness import Broker, Client, Daemon, wait_until
from tests.scenario import wait_for_end


@pytest.fixture(scope="module")
def served(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon for all tests of this file that do not harm it."""
    device = Daemon(tmp_path_factory.mktemp("atk"), broker.port, device=f"atk-{uuid.uuid4().hex[:12]}")
    try:
        yield device.start()
    finally:
        device.stop()


@pytest.fixture
def client(served: Daemon) -> Iterator[Client]:
    with served.client() as connected:
        yield connected


def test_a_mixture_is_made_trained_and_predicts(client: Client) -> None:
    frame, model = make_frame(client), make_model(client, "gmm")
    body = train_body("gmm", {"uri": f"models/{model}"}, f"v1/frames/{frame}", k=4, seed=SEED)
    command = run(client, body)
    assert {name: command[name] for name in ("name", "complete", "progress", "links")} == {
        "name": "model:gmm/train",
        "complete": True,
        "progress": [{"progress": 100.0, "tasks_info": {"retries": 0}}],
        "links": [{"rel": "self", "uri": f"v1/commands/{command['id']}", "method": "GET"}],
    }
    assert command["arguments"] == {
        "model": {"uri": f"models/{model}"},
        "frame": {"uri": f"frames/{frame}"},
        "observation_columns": ["data"],
        "column_scalings": [1.0],
        "k": 4,
        "max_iterations": 100,
        "convergence_tol": 0.01,
        "seed": SEED,
    }
    trained = result(command)
    assert sorted(trained["cluster_size"].values()) == [4, 5]
    assert len(trained["weights"]) == len(trained["gaussians"]) == len(trained["means"]) == 4
    assert trained["inputBits"] in (8, 16)

    # On another frame, by the columns that are named.
    other = {"schema": [["spare", "int32"], ["x", "float64"]], "rows": [[n, v] for n, v in enumerate(DATA)]}
    wider = ok(client.request("post", "v1/frames", other))["id"]
    arguments = {"model": model, "frame": wider, "observation_columns": ["x"]}
    made = result(run(client, {"name": "model:gmm/predict", "arguments": arguments}))
    assert made["schema"] == [["spare", "int32"], ["x", "float64"], ["predicted_cluster", "int32"]]
    assert made["row_count"] == len(DATA)
    rows = ok(client.request("get", f"v1/{made['uri']}", {"count": 100}))["rows"]
    assert [row[:2] for row in rows] == other["rows"]
    assert {row[1] for row in rows if row[2] == rows[4][2]} == HIGH


def test_k_means_is_made_trained_predicts_and_is_published(client: Client) -> None:
    frame, model = make_frame(client), make_model(client, "k_means", name=f"Press {uuid.uuid4().hex[:8]}")
    trained = result(run(client, train_body("k_means", model, frame)))
    assert sorted(trained["cluster_size"]) == ["Cluster:1", "Cluster:2"]
    assert trained["within_set_sum_of_squared_error"] == pytest.approx(11.55)
    made = result(
        run(client, {"name": "model:k_means/predict", "arguments": {"model": model, "frame": frame}})
    )
    assert [column for column, _ in made["schema"]] == [
        "data",
        "distance_from_cluster_1",
        "distance_from_cluster_2",
        "predicted_cluster",
    ]
    published = result(run(client, {"name": "model:k_means/publish", "arguments": {"model": model}}))
    part = ok(client.request("get", f"{published['path']}/atk.json"))
    stored = json.loads(base64.b64decode(part["data"]))
    assert part["size"] == published["files"]["atk.json"]
    assert stored["k_means_model"]["centers"] == trained["centers"]
    assert any(name.startswith("c/press_") for name in published["files"])


def test_an_atk_model_is_a_model_like_any_other_in_project_0(client: Client) -> None:
    frame, model = make_frame(client), make_model(client, "gmm")
    client.subscribe(f"{client.root}/#")
    commands = [run(client, train_body("gmm", model, frame, seed=SEED)) for _ in range(2)]
    job = ok(client.request("get", f"api/0/jobs/{commands[0]['id']}/status"))["job"]
    assert (job["projectId"], job["learnId"], job["state"]) == (0, model, "SUCCEEDED")
    assert wait_for_end(client, commands[1]["id"])["result"]["cluster_size"]
    versions = ok(client.request("get", f"api/0/models/{model}"))
    assert versions["current"] == 2
    assert {f"c/gmm_{model}.c", "model_int8.npz", "model.npz"} <= set(versions["versions"][1]["files"])
    assert ok(client.request("get", f"v1/models/{model}"))["version"] == 2
    ok(client.request("post", f"api/0/models/{model}/rollback"))
    assert ok(client.request("get", f"v1/models/{model}"))["version"] == 1
    retained = f"{client.root}/projects/0/models/{model}"
    client.wait_for("the retained model", lambda message: message.topic == retained)


def test_commands_frames_and_models_are_listed(client: Client) -> None:
    told = ok(client.request("get", "status"))["capabilities"]["atkModels"]
    assert told == {"model:gmm": {"available": True}, "model:k_means": {"available": True}}
    frame, model = make_frame(client), make_model(client, "gmm")
    (newest,) = ok(client.request("get", "v1/commands", {"count": 1}))
    assert newest["name"] == "model:gmm/new"
    assert ok(client.request("get", newest["url"]))["result"]["uri"] == f"models/{model}"
    frames = ok(client.request("get", "v1/frames", {"count": 1000}))
    assert {"id": frame, "name": "readings", "url": f"v1/frames/{frame}"} in frames
    assert len(ok(client.request("get", "v1/frames", {"offset": len(frames) - 1}))) == 1
    assert {"id": model, "name": f"gmm_{model}", "url": f"v1/models/{model}"} in ok(
        client.request("get", "v1/models", {"count": 1000})
    )
    definitions = {found["name"] for found in ok(client.request("get", "v1/commands/definitions"))}
    assert definitions == {
        *(f"model:gmm/{verb}" for verb in ("new", "train", "predict")),
        *(f"model:k_means/{verb}" for verb in ("new", "train", "predict", "publish")),
    }


def test_a_frame_grows_is_read_in_parts_and_is_deleted(client: Client) -> None:
    frame = make_frame(client)
    assert ok(client.request("post", f"v1/frames/{frame}", {"rows": [[10], [11]]}))["row_count"] == 11
    read = ok(client.request("get", f"v1/frames/{frame}", {"offset": 8, "count": 2}))
    assert (read["offset"], read["rows"], read["row_count"]) == (8, [[5.0], [10.0]], 11)
    assert "rows" not in ok(client.request("get", f"v1/frames/{frame}"))
    assert ok(client.request("post", f"v1/frames/{frame}/delete"))["status"] == "Deleted"
    assert refusal(client.request("get", f"v1/frames/{frame}"), 404) == f"there is no frame {frame}"


def test_the_same_command_is_run_once(client: Client) -> None:
    frame, model = make_frame(client), make_model(client, "gmm")
    body, request_id = train_body("gmm", model, frame), uuid.uuid4().hex
    first, again = (ok(client.request("post", "v1/commands", body, request_id=request_id)) for _ in range(2))
    assert first == again
    assert first["correlation_id"] == request_id
    assert isinstance(first["arguments"]["seed"], int)
    result(wait_for(client, first["id"]))


def test_what_cannot_be_run_is_refused_in_the_words_of_atk(client: Client) -> None:
    frame, model = make_frame(client), make_model(client, "gmm")
    empty = ok(client.request("post", "v1/frames", {"schema": [["data", "float64"]]}))["id"]

    def said(status: int, body: object) -> str:
        return refusal(client.request("post", "v1/commands", body), status)

    assert said(409, train_body("gmm", model, empty)) == (
        "Train Frame is empty. Please train on a non-empty Frame."
    )
    assert said(400, train_body("gmm", model, frame, k=0)) == "arguments.k: k must be at least 1"
    assert said(400, train_body("gmm", model, frame, k=10)) == (
        "arguments.k: 10 is more than the 9 rows of the frame"
    )
    assert said(404, train_body("gmm", 10**6, frame)) == "there is no model 1000000"
    assert said(404, train_body("gmm", model, 10**6)) == "there is no frame 1000000"
    assert said(400, train_body("k_means", model, frame)) == (
        f"arguments.model: model {model} is a model:gmm, model:k_means/train takes a model:k_means"
    )
    assert said(400, train_body("gmm", model, frame, observation_columns=["date"])) == (
        f"arguments.observation_columns[0]: frame {frame} has no column 'date'; it has data"
    )
    assert said(409, {"name": "model:gmm/predict", "arguments": {"model": model, "frame": frame}}) == (
        f"model {model} has not been trained yet: run model:gmm/train first"
    )
    assert said(400, b"{").startswith("the body is not JSON")
    assert refusal(client.request("get", "v1/commands/1"), 404) == "job 1 is not known"
    assert refusal(client.request("get", "v1/framse"), 404).endswith("did you mean v1/frames?")
    for path in ("api/0/impulse", "api/0/raw-data"):
        reply = client.request("get", path, {"category": "training"} if "raw" in path else None)
        assert (reply.status, reply.body["code"]) == (400, "invalid_member")


def test_a_command_that_fails_says_why(client: Client) -> None:
    frame, model = make_frame(client), make_model(client, "gmm")
    result(run(client, train_body("gmm", model, frame, seed=SEED)))
    names = {"schema": [["a", "float64"], ["b", "float64"]], "rows": [[1, 2]]}
    wider = ok(client.request("post", "v1/frames", names))["id"]
    arguments = {"model": model, "frame": wider, "observation_columns": ["a", "b"]}
    failed = run(client, {"name": "model:gmm/predict", "arguments": arguments})
    assert failed["complete"] is True
    assert "result" not in failed
    assert failed["error"]["message"] == "Number of columns for train and predict should be same"


def test_a_client_of_mqtt_3_hears_the_object_on_the_topic_of_the_device(served: Daemon) -> None:
    with served.client(version=3) as client:
        client.publish(f"{client.root}/post/v1/models", json.dumps({"model_type": "model:gmm"}))
        reply = client.wait_for("the reply", lambda message: message.topic.endswith("/reply/post/v1/models"))
        assert json.loads(reply.payload)["entity_type"] == "model:gmm"


def test_a_running_command_is_canceled(broker: Broker, tmp_path: Path) -> None:
    device = Daemon(tmp_path, broker.port, device=f"atk-{uuid.uuid4().hex[:12]}")
    device.config = "[jobs]\ncancel_grace_s = 0.1\n"
    try:
        device.start(environment={"TRAINERD_FAULT": "worker.train:hang"})
        with device.client() as client:
            body = train_body("gmm", make_model(client, "gmm"), make_frame(client))
            started = ok(client.request("post", "v1/commands", body))
            assert started["complete"] is False
            path = f"v1/commands/{started['id']}"
            wait_until(
                "the worker to train",
                lambda: ok(client.request("get", path))["progress"][0]["progress"] >= 10.0,
            )
            ok(client.request("post", path, {"name": "", "arguments": {"status": "cancel"}}))
            canceled = wait_for(client, started["id"])
            assert canceled["error"]["message"] == "canceled while it ran"
            assert canceled["error"]["code"] == "canceled"
            ended = client.request("post", path, {"arguments": {"status": "cancel"}})
            assert "has already ended" in refusal(ended, 409)
            wrong = client.request("post", path, {"arguments": {"status": "pause"}})
            assert refusal(wrong, 400).startswith("arguments.status: ")
    finally:
        device.stop()


def test_a_prediction_that_is_cut_off_makes_its_frame_once(broker: Broker, tmp_path: Path) -> None:
    device = Daemon(tmp_path, broker.port, device=f"atk-{uuid.uuid4().hex[:12]}")
    try:
        device.start(environment={"TRAINERD_FAULT": "job.promoted:kill:2"})
        with device.client() as client:
            model, frame = make_model(client, "gmm"), make_frame(client)
            result(run(client, train_body("gmm", model, frame, seed=SEED)))
            body = {"name": "model:gmm/predict", "arguments": {"model": model, "frame": frame}}
            command = ok(client.request("post", "v1/commands", body))["id"]
            assert device.process is not None
            device.process.wait(30)
            device.start()
            made = result(wait_for(client, command))
            assert [found["id"] for found in ok(client.request("get", "v1/frames"))] == [frame, made["id"]]
            assert made["row_count"] == len(DATA)
    finally:
        device.stop()
