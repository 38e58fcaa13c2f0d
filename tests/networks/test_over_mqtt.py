"""A network from its request to its version, as another program sees it over the broker."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run
from tests.firmware_export.networks import compiled
from tests.harness import Broker, Client, Daemon, wait_until
from tests.keras_api.project import CLASSIFIER, DIGITS, digits, send, set_up, train_path
from tests.scenario import TERMINAL, wait_for_end

#: TensorFlow alone takes seconds to load, and more where other work is going on.
PATIENCE = 180.0

LAYERS = [
    {"type": "dense", "neurons": 20},
    {"type": "dropout", "dropoutRate": 0.1},
    {"type": "dense", "neurons": 10},
]


@pytest.fixture(scope="module")
def trained(
    broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Client, Daemon, dict[str, Any]]]:
    """A client that heard all of a training on digits, the daemon, and the job as it ended."""
    daemon = Daemon(tmp_path_factory.mktemp("networks"), broker.port, device="networks")
    try:
        with daemon.start().client() as client:
            client.subscribe(f"{client.root}/#")
            set_up(client, DIGITS, digits(700))
            body = {"visualLayers": LAYERS, "trainingCycles": 40, "learningRate": 0.005}
            job_id = send(client, train_path(), body)["id"]
            ended = wait_until("the end of the training", lambda: _ended(client, job_id), PATIENCE)
            yield client, daemon, ended
    finally:
        daemon.stop()


def heard(client: Client, topic: str) -> list[dict[str, Any]]:
    """All that was published on a topic of the device."""
    return [
        json.loads(m.payload) for m in list(client.seen) if m.topic == f"{client.root}/{topic}" and m.payload
    ]


def version_of(daemon: Daemon) -> Path:
    """The directory of the version that the training made."""
    return daemon.state_dir / "projects" / str(DIGITS) / "models" / str(CLASSIFIER) / "1"


def test_the_training_succeeds_and_tells_of_its_epochs(
    trained: tuple[Client, Daemon, dict[str, Any]],
) -> None:
    client, _, job = trained
    assert job["state"] == "SUCCEEDED", job["error"]
    assert job["result"]["classes"] == [str(digit) for digit in range(10)]
    assert 1 <= job["result"]["bestEpoch"] <= 40
    told = heard(client, f"jobs/{job['id']}/progress")
    epochs = [step for step in told if "epoch" in step]
    assert epochs, told
    for step in epochs:
        assert step["stage"] == "train" and 1 <= step["epoch"] <= step["epochs"] == 40 and step["etaS"] >= 0
        assert step["metrics"].keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert [step["progress"] for step in told] == sorted(step["progress"] for step in told)
    (retained,) = heard(client, f"projects/{DIGITS}/models/{CLASSIFIER}")
    assert retained["metrics"] == job["result"]["metrics"]


def test_both_variants_read_digits(trained: tuple[Client, Daemon, dict[str, Any]]) -> None:
    """The state of the art for so small a network is above 0.9; guessing gives 0.1."""
    metrics = trained[2]["result"]["metrics"]
    assert metrics["float32"]["validationAccuracy"] > 0.85
    assert metrics["int8"]["validationAccuracy"] > 0.85


def test_the_version_is_complete(trained: tuple[Client, Daemon, dict[str, Any]]) -> None:
    directory = version_of(trained[1])
    manifest = json.loads((directory / "manifest.json").read_bytes())
    expected = {"model.keras", "model_float32.tflite", "model_int8.tflite", "metadata.json"} | {
        f"c/digits{end}" for end in (".h", ".c", "_tflite.h", "_tflite.c", "_test_vectors.h")
    }
    assert expected <= manifest["files"].keys()
    for name, file in manifest["files"].items():
        assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == file["sha256"]
    assert manifest["fit"]["bestEpoch"] == trained[2]["result"]["bestEpoch"]
    assert len(manifest["fit"]["epochs"]) == 40
    # What a board's integers stand for: a softmax has 256 steps from 0 to 1.
    assert manifest["quantization"] == {"outputScale": 1 / 256, "outputZeroPoint": -128}


def test_the_c_is_that_of_the_int8_file(
    trained: tuple[Client, Daemon, dict[str, Any]], tmp_path: Path
) -> None:
    directory = version_of(trained[1])
    for end in (".c", ".h"):
        (tmp_path / f"digits{end}").write_bytes((directory / "c" / f"digits{end}").read_bytes())
    program = compiled.build(["digits"], tmp_path)
    data = (directory / "model_int8.tflite").read_bytes()
    network = read(data)
    inputs = compiled.rows_for(network, 20, seed=3)
    np.testing.assert_array_equal(compiled.run(program, 0, inputs), run(network, inputs))


def test_a_package_of_the_network_names_its_classes(
    trained: tuple[Client, Daemon, dict[str, Any]], tmp_path: Path
) -> None:
    client, daemon, _ = trained
    job_id = send(client, f"api/{DIGITS}/jobs/build-ondevice-model", {"type": "cmake"})["id"]
    job = wait_until("the package", lambda: _ended(client, job_id))
    assert job["state"] == "SUCCEEDED", job
    package = version_of(daemon).parent / "builds/1" / Path(job["result"]["file"]).name
    zipfile.ZipFile(package).extractall(tmp_path)
    assert "- Labels: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in (tmp_path / "README.md").read_text()
    name = package.name.removesuffix("-cmake.zip")
    assert (tmp_path / f"src/{name}.c").read_text() == (version_of(daemon) / f"c/{name}.c").read_text()


def _ended(client: Client, job_id: int) -> dict[str, Any] | None:
    told = heard(client, f"jobs/{job_id}/status")
    return told[-1] if told and told[-1]["state"] in TERMINAL else None


def test_another_threshold_makes_a_version_of_the_same_files(
    trained: tuple[Client, Daemon, dict[str, Any]],
) -> None:
    client, daemon, _ = trained
    thresholds = [{"blockId": CLASSIFIER, "key": "min_score", "value": 0.9}]
    reply = send(client, f"api/{DIGITS}/impulse/1/set-thresholds", {"thresholds": thresholds})
    job = wait_for_end(client, reply["jobs"][0]["id"])
    assert job["error"] is None, job
    assert (job["result"]["version"], job["result"]["weightsOf"]) == (2, 1)
    first, second = (
        json.loads((version_of(daemon).with_name(number) / "manifest.json").read_bytes()) for number in "12"
    )
    changed = {name for name in first["files"] if first["files"][name] != second["files"][name]}
    assert first["files"].keys() == second["files"].keys()
    assert changed == {"metadata.json", "report.html"}
    path = f"api/{DIGITS}/training/keras/{CLASSIFIER}"
    assert client.request("get", f"{path}/metadata").body["thresholds"][0]["value"] == 0.9
    assert client.request("get", path).body["minimumConfidenceRating"] == 0.9
    assert client.request("get", f"api/{DIGITS}/models/{CLASSIFIER}").body["current"] == 2
