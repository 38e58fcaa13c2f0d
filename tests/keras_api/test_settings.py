"""Settings over MQTT: set one by one, kept, shown again, and read by Edge Impulse's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import edgeimpulse_api.models as client_models
import pytest

from tests.harness import Broker, Client, Daemon
from tests.keras_api.project import (
    CLASSIFIER,
    DIGITS,
    REGRESSION,
    TRANSFER,
    WINE,
    config_path,
    digits,
    send,
    set_up,
    train_path,
    wine,
)


@pytest.fixture(scope="module")
def client(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a daemon that has the digits and the wines, and starts no job."""
    daemon = Daemon(tmp_path_factory.mktemp("keras-settings"), broker.port, device="keras-settings")
    try:
        daemon.start()
        with daemon.client() as connected:
            set_up(connected, DIGITS, digits(60))
            set_up(connected, WINE, wine())
            yield connected
    finally:
        daemon.stop()


def config(client: Client, learn_id: int = CLASSIFIER, project: int = DIGITS) -> dict[str, Any]:
    reply = client.request("get", config_path(learn_id, project))
    assert reply.status == 200, reply.body
    assert reply.body.pop("success") is True
    return dict(reply.body)


#: Every member but `script`, which must be signed, with values that nobody has by default.
EVERYTHING: dict[str, Any] = {
    "mode": "visual",
    "minimumConfidenceRating": 0.75,
    "selectedModelType": "float32",
    "visualLayers": [
        {"type": "reshape", "columns": 8, "enabled": True},
        {"type": "conv1d", "neurons": 8, "kernelSize": 5, "stack": 2, "enabled": True},
        {"type": "dropout", "dropoutRate": 0.25, "enabled": True},
        {"type": "flatten", "enabled": True},
        {"type": "dense", "neurons": 12, "enabled": False},
    ],
    "trainingCycles": 12,
    "learningRate": 0.005,
    "batchSize": 24,
    "trainTestSplit": 0.25,
    "autoClassWeights": True,
    "useLearnedOptimizer": True,
    "augmentationPolicyImage": "all",
    "augmentationPolicySpectrogram": {
        "enabled": True,
        "warping": True,
        "freqMasking": "low",
        "timeMasking": "high",
        "gaussianNoise": "low",
    },
    "profileInt8": False,
    "skipEmbeddingsAndMemory": True,
    "akidaEdgeLearningConfig": {"enabled": False, "additionalClasses": 2, "neuronsPerClass": 5},
    "customValidationMetadataKey": "site",
    "showAdvancedTrainingSettings": True,
    "showAugmentationTrainingSettings": True,
    "customParameters": {},
    "anomalyCapacity": "high",
    "lastShownModelVariant": "float32",
    "blockParameters": {"backbone": "mobilenet"},
    "trainingProcessor": "cpu",
    "kFoldsValidationConfig": {"numFolds": 3, "includeFinalTrainingRun": True, "extraEpochs": 2},
    "assertGpuUsagePercentage": 40,
}


def test_every_member_is_stored_and_shown_again(client: Client) -> None:
    before = config(client)
    send(client, config_path(), EVERYTHING)
    shown = config(client)
    assert {name: shown[name] for name in EVERYTHING} == EVERYTHING
    changed = {name for name in EVERYTHING if shown.get(name) != before.get(name)}
    assert set(EVERYTHING) - changed == {"mode", "trainingProcessor"}


def test_only_what_is_given_is_set_and_null_is_not_given(client: Client) -> None:
    path = config_path(CLASSIFIER, WINE)
    send(client, path, {"trainingCycles": 7, "batchSize": 8})
    send(client, path, {"trainingCycles": None, "batchSize": 16, "learningRate": None})
    shown = config(client, project=WINE)
    assert (shown["trainingCycles"], shown["batchSize"], shown["learningRate"]) == (7, 16, 0.0005)
    send(client, path, {})
    assert config(client, project=WINE) == shown


def test_a_list_is_set_as_a_whole(client: Client) -> None:
    path = config_path(REGRESSION, WINE)
    send(client, path, {"visualLayers": [{"type": "dense", "neurons": 4}, {"type": "dense", "neurons": 2}]})
    send(client, path, {"visualLayers": [{"type": "dense", "neurons": 6}]})
    assert [layer["neurons"] for layer in config(client, REGRESSION, WINE)["visualLayers"]] == [6]


def test_what_is_refused_is_not_stored(client: Client) -> None:
    path = config_path(CLASSIFIER, WINE)
    before = config(client, project=WINE)
    for body in (
        {"batchSize": 99, "trainingCycles": 0},
        {"batchSize": 99, "visualLayers": [{"type": "conv1d", "neurons": 3}]},
    ):
        assert client.request("post", path, body).status == 400
        assert client.request("post", train_path(CLASSIFIER, WINE), body).status == 400
    assert config(client, project=WINE) == before


@pytest.mark.parametrize(
    ("learn_id", "project", "shape"),
    [(CLASSIFIER, DIGITS, "(64,)"), (REGRESSION, WINE, "(13,)"), (TRANSFER, WINE, "(13,)")],
)
def test_the_client_of_edge_impulse_reads_the_settings(
    client: Client, learn_id: int, project: int, shape: str
) -> None:
    """Its constructors check types and required members; a threshold's number trips it, whoever sends it."""
    shown = config(client, learn_id, project)
    keys = [threshold["key"] for threshold in shown["thresholds"]]
    assert keys == ([] if learn_id == REGRESSION else ["min_score"])
    shown.pop("blockParameters", None)  # the client cannot read any, whoever sends it
    read = client_models.KerasConfig(**{**shown, "thresholds": []})
    assert read.shape == shape
    assert read.trained is False
    assert read.dependencies.feature_count == int(shape[1:-2])
    assert (len(read.transfer_learning_models) > 3) == (learn_id == TRANSFER)


def test_what_the_client_sends_is_taken(client: Client) -> None:
    """It always sends ``assertGpuUsagePercentage``, and whole numbers with a fraction."""
    request = client_models.SetKerasParameterRequest(
        mode="visual",
        training_cycles=5,
        batch_size=16,
        visual_layers=[client_models.KerasVisualLayer(type="dense", neurons=8)],
        k_folds_validation_config=client_models.KFoldsValidationConfig(num_folds=4, extra_epochs=2),
    )
    body = request.to_json()
    assert "32.0" in client_models.SetKerasParameterRequest(batch_size=32).to_json()
    assert json.loads(body)["assertGpuUsagePercentage"] is None
    reply = client.request("post", config_path(CLASSIFIER, WINE), body.encode())
    assert reply.status == 200, reply.body
    shown = config(client, project=WINE)
    assert (shown["batchSize"], shown["kFoldsValidationConfig"]["numFolds"]) == (16, 4)
