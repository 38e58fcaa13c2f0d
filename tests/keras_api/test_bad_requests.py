"""A table of bad requests for networks: each is refused by name, stores nothing and starts nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.harness import Broker, Client, Daemon
from tests.keras_api.project import (
    CLASSIFIER,
    DIGITS,
    KMEANS,
    REGRESSION,
    TRANSFER,
    config_path,
    digits,
    set_up,
    table,
    train_path,
)

#: Projects whose labels do not suffice, and one without rows.
ONE_CLASS, NO_LABELS, EMPTY, FEW = 3, 4, 5, 6


class Bad(NamedTuple):
    """One bad request, and what is said of it."""

    body: dict[str, Any]
    said: tuple[str, ...]
    learn_id: int = CLASSIFIER
    project: int = DIGITS
    status: int = 400
    code: str = "invalid_member"


def layers(*said: str, of: list[dict[str, Any]], learn_id: int = CLASSIFIER) -> Bad:
    return Bad({"visualLayers": of}, said, learn_id)


def conv(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, "neurons": 4, **members}


RESHAPE = {"type": "reshape", "columns": 8}
FLATTEN = {"type": "flatten"}

TABLE = {
    # layers
    "unknown layer": layers("visualLayers[0].type: 'lstm' is unknown", of=[conv("lstm")]),
    "layer without type": layers("visualLayers[0].type: is required", of=[{"neurons": 3}]),
    "unknown member of a layer": layers(
        "visualLayers[1].kernelsize: ", "kernelSize", of=[RESHAPE, conv("conv1d", kernelsize=3)]
    ),
    "too many layers": layers("visualLayers: ", "64", of=[FLATTEN] * 65),
    "layers no list": Bad({"visualLayers": {"type": "dense"}}, ("visualLayers: expected `array",)),
    "reshape that does not divide": layers(
        "visualLayers[0].columns: 64 values", "2, 4, 8", of=[{"type": "reshape", "columns": 10}, FLATTEN]
    ),
    "kernel wider than the input": layers(
        "visualLayers[1].kernelSize: 9", "at most 8", of=[RESHAPE, conv("conv2d", kernelSize=9), FLATTEN]
    ),
    "kernel wider than what is left": layers(
        "visualLayers[3].kernelSize: 3", "2 rows", of=[RESHAPE, *[conv("conv2d")] * 3, FLATTEN]
    ),
    "conv1d on a flat row": layers("visualLayers[0]: ", "put a reshape", of=[conv("conv1d")]),
    "conv2d on a flat row": layers("visualLayers[0]: ", "put a reshape", of=[conv("conv2d")]),
    "conv2d behind conv1d": layers(
        "visualLayers[2]: ", of=[RESHAPE, conv("conv1d"), conv("conv2d"), FLATTEN]
    ),
    "dense on rows and columns": layers("visualLayers[1]: ", "flatten", of=[RESHAPE, conv("dense")]),
    "no flat row in the end": layers("visualLayers[1]: ", "flatten", of=[RESHAPE, conv("conv2d")]),
    "dense without neurons": layers("visualLayers[0].neurons: is required", of=[{"type": "dense"}]),
    "dense of 0 neurons": layers("visualLayers[0].neurons: 0", of=[{"type": "dense", "neurons": 0}]),
    "neurons of half": layers("visualLayers[0].neurons: ", of=[{"type": "dense", "neurons": 2.5}]),
    "dropout of everything": layers(
        "visualLayers[0].dropoutRate: ", of=[{"type": "dropout", "dropoutRate": 1}]
    ),
    "stack of 0": layers("visualLayers[0].stack: ", of=[conv("conv1d", stack=0)]),
    "more values than memory": layers(
        "visualLayers[2]: gives",
        "at most",
        of=[
            {"type": "dense", "neurons": 65536},
            {"type": "reshape", "columns": 8},
            conv("conv1d", neurons=65536),
        ],
    ),
    "object detection": layers(
        "visualLayers[0].type: fomo_mobilenet_v2_a01: ", of=[conv("fomo_mobilenet_v2_a01")]
    ),
    "visual anomalies": layers("visualLayers[0].type: fomo_ad_gmm: ", of=[{"type": "fomo_ad_gmm"}]),
    "weights of others": layers(
        "visualLayers[0].type: transfer_akidanet_imagenet_160_a50: ",
        of=[{"type": "transfer_akidanet_imagenet_160_a50"}],
    ),
    "transfer layer in another block": layers(
        "visualLayers[0].type: ", "keras-transfer-image", of=[{"type": "transfer_mobilenetv2_a35"}]
    ),
    "transfer without images": Bad({}, ("visualLayers[0]: ", "needs images"), TRANSFER),
    # numbers and words
    "0 epochs": Bad({"trainingCycles": 0}, ("trainingCycles: ", ">= 1")),
    "endless epochs": Bad({"trainingCycles": 10**9}, ("trainingCycles: ", "<= 100000")),
    "epochs of text": Bad({"trainingCycles": "30"}, ("trainingCycles: ",)),
    "learning rate 0": Bad({"learningRate": 0}, ("learningRate: ",)),
    "learning rate 2": Bad({"learningRate": 2}, ("learningRate: ",)),
    "batch of 0": Bad({"batchSize": 0}, ("batchSize: ",)),
    "batch of half a row": Bad({"batchSize": 32.5}, ("batchSize: ",)),
    "split 0": Bad({"trainTestSplit": 0}, ("trainTestSplit: ",)),
    "split 1": Bad({"trainTestSplit": 1}, ("trainTestSplit: ",)),
    "unknown mode": Bad({"mode": "visul"}, ("mode: ", "did you mean 'visual'?")),
    "unknown member": Bad({"trainingCycle": 3}, ("trainingCycle: ", "did you mean trainingCycles?")),
    "unknown processor": Bad({"trainingProcessor": "tpu"}, ("trainingProcessor: ",)),
    "unknown augmentation": Bad({"augmentationPolicyImage": "flip"}, ("augmentationPolicyImage: ",)),
    "images out of flat rows": Bad(
        {"augmentationPolicyImage": "all"}, ("augmentationPolicyImage: ", "reshape")
    ),
    "unknown masking": Bad(
        {"augmentationPolicySpectrogram": {"enabled": True, "timeMasking": "some"}},
        ("augmentationPolicySpectrogram.timeMasking: ",),
    ),
    "one fold": Bad({"kFoldsValidationConfig": {"numFolds": 1}}, ("kFoldsValidationConfig.numFolds: ",)),
    "rating above 1": Bad({"minimumConfidenceRating": 60}, ("minimumConfidenceRating: ",)),
    "a state for a variant": Bad({"selectedModelType": "requiresRetrain"}, ("selectedModelType: ", "int8")),
    "akida of a regression": Bad(
        {"selectedModelType": "akida"}, ("selectedModelType: ", "only classifiers"), REGRESSION
    ),
    "learning on akida of a regression": Bad(
        {"akidaEdgeLearningConfig": {"enabled": True, "additionalClasses": 1}},
        ("akidaEdgeLearningConfig.enabled: ", "only classifiers"),
        REGRESSION,
    ),
    "learning of no classes": Bad(
        {"akidaEdgeLearningConfig": {"enabled": True}},
        ("akidaEdgeLearningConfig.additionalClasses: ", "required"),
    ),
    "learning of half a class": Bad(
        {"akidaEdgeLearningConfig": {"enabled": True, "additionalClasses": 1.5}},
        ("akidaEdgeLearningConfig.additionalClasses: ", "1.5"),
    ),
    "custom parameter of a number": Bad({"customParameters": {"depth": 3}}, ("customParameters.depth: ",)),
    "expert unsigned": Bad(
        {"mode": "expert", "script": "model = None"},
        ("must be signed",),
        status=403,
        code="signature_missing",
    ),
    # data
    "one class only": Bad(
        {}, ("only 'normal' as label", "two"), project=ONE_CLASS, status=409, code="conflict"
    ),
    "no labels": Bad({}, ("none as label",), project=NO_LABELS, status=409, code="conflict"),
    "no rows": Bad({}, ("no training data",), project=EMPTY, status=409, code="conflict"),
    "more folds than rows": Bad(
        {"kFoldsValidationConfig": {"numFolds": 5}},
        ("kFoldsValidationConfig.numFolds: 5", "at most 3"),
        project=FEW,
    ),
    "split that leaves no row": Bad({"trainTestSplit": 0.9}, ("trainTestSplit: 0.9 of 3 rows",), project=FEW),
    "a regression on words": Bad({}, ("'one'", "number"), REGRESSION, FEW, 409, "conflict"),
    # blocks
    "unknown block": Bad({}, ("learn block 99",), 99, status=404, code="not_found"),
    "anomaly block": Bad({}, ("'anomaly'", "with anomaly in it"), KMEANS, status=404, code="not_found"),
}


@pytest.fixture(scope="module")
def served(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with projects that can and that cannot be trained on."""
    daemon = Daemon(tmp_path_factory.mktemp("bad-keras"), broker.port, device="bad-keras")
    try:
        daemon.start()
        rows = [[float(row), *range(63)] for row in range(3)]
        with daemon.client() as client:
            set_up(client, DIGITS, digits(60))
            set_up(client, ONE_CLASS, table(rows, None, label="normal"))
            set_up(client, NO_LABELS, table(rows, None))
            set_up(client, EMPTY)
            set_up(client, FEW, table(rows, ["1", "2", "one"]))
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture(scope="module")
def client(served: Daemon) -> Iterator[Client]:
    with served.client() as connected:
        yield connected


@pytest.fixture(scope="module", autouse=True)
def unharmed(served: Daemon, client: Client) -> Iterator[None]:
    """Before all and after all: no job, no stored setting, nothing unexpected logged."""
    yield
    assert client.request("get", "jobs", {}).body["jobs"] == []
    config = client.request("get", config_path()).body
    assert (config["trainingCycles"], config["mode"], config["trained"]) == (30, "visual", False)
    assert "Traceback" not in served.log()
    assert "unexpectedly" not in served.log()


@pytest.mark.parametrize("bad", TABLE.values(), ids=TABLE)
def test_a_bad_request_is_refused_by_name(bad: Bad, client: Client) -> None:
    reply = client.request("post", train_path(bad.learn_id, bad.project), bad.body)
    assert (reply.status, reply.body.get("code")) == (bad.status, bad.code), reply.body
    for said in bad.said:
        assert said in reply.body["error"]


def test_what_was_stored_earlier_is_said_to_be(client: Client) -> None:
    """A learn block that is stored for one impulse and trained with another."""
    path = config_path(CLASSIFIER, 8)
    set_up(client, 8, digits(30))
    good = {"visualLayers": [{"type": "reshape", "columns": 8}, FLATTEN]}
    assert client.request("post", path, good).status == 200
    impulse = client.request("get", "api/8/impulse").body["impulse"]
    impulse["dspBlocks"][0]["axes"] = ["c0", "c1", "c2"]
    assert client.request("post", "api/8/impulse", impulse).status == 200
    reply = client.request("post", train_path(CLASSIFIER, 8), {"trainingCycles": 2})
    assert reply.status == 400
    assert "visualLayers[0].columns: 3 values" in reply.body["error"]
    assert "(stored earlier; send visualLayers to change it)" in reply.body["error"]
    assert client.request("get", path).body["trainingCycles"] == 30
