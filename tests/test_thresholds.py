"""A threshold that is set after training: a new version with the same weights, and for trainings to come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.harness import Broker, Client, Daemon, Reply
from tests.keras_api.project import CLASSIFIER, IMPULSE, KMEANS, REGRESSION
from tests.scenario import GMM, acquisition, set_up_project, train, wait_for_end

PROJECT, BLOCKS, CHANGED = 1, 2, 3


@pytest.fixture(scope="module")
def daemon(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a project for each of the tests that change one."""
    served = Daemon(tmp_path_factory.mktemp("thresholds"), broker.port, device="thresholds")
    try:
        yield served.start()
    finally:
        served.stop()


@pytest.fixture(scope="module")
def client(daemon: Daemon) -> Iterator[Client]:
    with daemon.client() as connected:
        connected.subscribe(f"{connected.root}/jobs/#")
        set_up_project(connected, PROJECT)
        set_up_project(connected, CHANGED)
        for path, body in (("training/data", acquisition()), ("impulse", IMPULSE)):
            assert connected.request("post", f"api/{BLOCKS}/{path}", body).status == 200
        yield connected


def post(client: Client, *thresholds: Any, project: int = PROJECT, impulse: int = 1) -> Reply:
    return client.request(
        "post", f"api/{project}/impulse/{impulse}/set-thresholds", {"thresholds": list(thresholds)}
    )


def threshold(block_id: int, value: Any, key: str = "min_anomaly_score") -> dict[str, Any]:
    return {"blockId": block_id, "key": key, "value": value}


def version(daemon: Daemon, project: int, block_id: int, number: int) -> Path:
    return daemon.state_dir / "projects" / str(project) / "models" / str(block_id) / str(number)


def weights(directory: Path) -> dict[str, Any]:
    with np.load(directory / "model.npz") as stored:
        return {name: stored[name].tolist() for name in stored.files}


@pytest.mark.parametrize(("block_id", "name"), [(KMEANS, "kmeans"), (GMM, "gmm")])
def test_a_new_version_has_the_same_weights_and_the_new_threshold(
    daemon: Daemon, client: Client, block_id: int, name: str
) -> None:
    wait_for_end(client, train(client, block_id))
    reply = post(client, threshold(block_id, "0.875"))
    assert reply.status == 200, reply.body
    (started,) = reply.body["jobs"]
    assert started["blockId"] == block_id
    job = wait_for_end(client, started["id"])
    assert job["error"] is None, job
    assert job["categoryKey"] == "set-thresholds"
    assert (job["result"]["version"], job["result"]["weightsOf"]) == (2, 1)
    directories = [version(daemon, PROJECT, block_id, number) for number in (1, 2)]
    before, after = map(weights, directories)
    assert after.pop("threshold") == 0.875 != before.pop("threshold")
    assert after == before
    assert "_THRESHOLD 0.875f" in (directories[1] / "c" / f"{name}.h").read_text()
    assert client.request("get", f"api/1/models/{block_id}").body["current"] == 2
    shown = client.request("get", f"api/1/training/anomaly/{block_id}/metadata").body
    assert shown["thresholds"][0]["value"] == 0.875
    # The next training takes the threshold from the block.
    job = wait_for_end(client, train(client, block_id))
    assert (job["result"]["threshold"], job["result"]["thresholdSource"]) == (0.875, "learn block")


def test_data_or_blocks_that_changed_meanwhile_are_told_of(daemon: Daemon, client: Client) -> None:
    wait_for_end(client, train(client, KMEANS, CHANGED))
    more = client.request("post", f"api/{CHANGED}/training/data", acquisition([[1, 2, 3]]))
    assert more.status == 200
    reply = post(client, threshold(KMEANS, 2), project=CHANGED)
    job = wait_for_end(client, reply.body["jobs"][0]["id"])
    assert "the data have changed since version 1" in " ".join(job["result"]["warnings"])
    first, second = (weights(version(daemon, CHANGED, KMEANS, number)) for number in (1, 2))
    assert second["centroids"] == first["centroids"]
    impulse = client.request("get", f"api/{CHANGED}/impulse").body["impulse"]
    impulse["learnBlocks"] = [{"id": KMEANS, "type": "anomaly-gmm", "name": "other", "dsp": [2]}]
    assert client.request("post", f"api/{CHANGED}/impulse", impulse).status == 200
    reply = post(client, threshold(KMEANS, 0.5), project=CHANGED)
    assert (reply.status, reply.body["code"]) == (409, "conflict")


def test_bad_thresholds_are_refused_by_name_and_change_nothing(client: Client) -> None:
    good = threshold(KMEANS, 0.5)
    bad = {
        "thresholds[1].value: 'high' is not a number": [good, threshold(CLASSIFIER, "high", "min_score")],
        "thresholds[0].value: 1001 is off the scale": [threshold(KMEANS, 1001)],
        "thresholds[0].value: 1.5 is no confidence": [threshold(CLASSIFIER, 1.5, "min_score")],
        "thresholds[0].value: nan is no confidence": [threshold(CLASSIFIER, "nan", "min_score")],
        "thresholds[0].key: 'min_score' is unknown here": [threshold(KMEANS, 0.5, "min_score")],
        "thresholds[0].key: 'min_anomaly_score' is unknown": [threshold(CLASSIFIER, 0.5)],
        "thresholds[0].key: block 10 of type 'keras-regression' has no": [threshold(REGRESSION, 1)],
        "thresholds[1].blockId: block 7 is given twice": [good, threshold(KMEANS, 0.6)],
        "no learn block 99": [good, threshold(99, 0.5)],
        "thresholds: expected `array` of length >= 1": [],
        "thresholds[0].blockId: is required": [{"key": "min_anomaly_score", "value": 1}],
    }
    for said, thresholds in bad.items():
        reply = post(client, *thresholds, project=BLOCKS)
        assert reply.status in {400, 404}
        assert said in reply.body["error"]
    reply = post(client, good, project=BLOCKS, impulse=2)
    assert (reply.status, "no impulse 2" in reply.body["error"]) == (404, True)
    config = client.request("get", f"api/{BLOCKS}/training/anomaly/{KMEANS}").body
    assert config["thresholds"][0]["value"] == 0.1


def test_what_is_not_trained_yet_keeps_it_for_its_training(client: Client) -> None:
    reply = post(client, threshold(KMEANS, 0.5), threshold(CLASSIFIER, 0.8, "min_score"), project=BLOCKS)
    assert (reply.status, reply.body["jobs"]) == (200, [])
    config = client.request("get", f"api/{BLOCKS}/training/anomaly/{KMEANS}").body
    assert config["thresholds"][0]["value"] == 0.5
    config = client.request("get", f"api/{BLOCKS}/training/keras/{CLASSIFIER}").body
    assert config["minimumConfidenceRating"] == config["thresholds"][0]["value"] == 0.8
