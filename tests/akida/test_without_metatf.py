"""Where MetaTF is not installed a job says so in one sentence, and does the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.akida.digits import AKIDA, ASKED, TWO_MORE, VECTOR, plant
from tests.cli.command import trainerd
from tests.harness import Broker, Client, Daemon, wait_until
from tests.keras_api.project import CLASSIFIER, DIGITS, KMEANS, digits, send, set_up, train_path
from tests.networks.plant import read
from tests.scenario import TERMINAL

pytestmark = pytest.mark.skipif(find_spec("akida") is not None, reason="MetaTF is installed here")

SENTENCE = "MetaTF is not installed here (akida is not): pip install 'trainerd[akida]'"


def test_the_job_says_so_once_and_makes_the_int8_network(tmp_path: Path) -> None:
    project = plant(tmp_path)
    request = {**ASKED, "trainingCycles": 3, "visualLayers": VECTOR}
    plain = project.train(request)
    asked = project.train({**request, "selectedModelType": "akida", **TWO_MORE})
    (told,) = [text for level, text in project.heard.logged if "Akida" in text]
    assert SENTENCE in told
    manifest, metadata = read(asked), read(asked, "metadata.json")["keras"]
    (warning,) = manifest["result"]["warnings"]
    assert SENTENCE in warning
    assert manifest["akida"]["code"] == "akida_unavailable" and not manifest["akida"]["made"]
    assert metadata["availableModelTypes"] == ["int8", "float32"]
    assert metadata["recommendedModelType"] == "int8"
    for name in ("model_int8.tflite", "model.keras", "c/net.c", "c/net_test_vectors.h"):
        assert (asked / name).read_bytes() == (plain / name).read_bytes()
    assert "akida" not in read(plain)
    assert "An Akida variant was asked for and not made: " in (asked / "report.html").read_text()


@pytest.fixture(scope="module")
def client(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a daemon that has digits."""
    daemon = Daemon(tmp_path_factory.mktemp("akida"), broker.port, device="akida")
    try:
        with daemon.start().client() as client:
            set_up(client, DIGITS, digits(200))
            yield client
    finally:
        daemon.stop()


def test_the_device_says_why(client: Client) -> None:
    akida = client.request("get", "status").body["capabilities"]["variants"]["akida"]
    assert not akida["available"] and SENTENCE in akida["reason"]


def test_settings_are_kept_and_a_training_goes_through(client: Client) -> None:
    path = f"api/{DIGITS}/training/keras/{CLASSIFIER}"
    body = {**AKIDA, "trainingCycles": 1, "visualLayers": VECTOR}
    place = f"api/{DIGITS}/jobs/{send(client, train_path(), body)['id']}/status"

    def ended() -> Any:
        job = client.request("get", place).body["job"]
        return job if job["state"] in TERMINAL else None

    # TensorFlow alone takes seconds to load, and more where other work is going on.
    job = wait_until("the end of the training", ended, 180.0)
    assert job["state"] == "SUCCEEDED", job
    assert any(SENTENCE in warning for warning in job["result"]["warnings"])
    assert client.request("get", path).body["selectedModelType"] == "akida"
    assert client.request("get", f"{path}/metadata").body["recommendedModelType"] == "int8"


@pytest.mark.parametrize(
    ("learn_id", "body", "status", "said"),
    [
        (CLASSIFIER, {}, 400, "classes: is required"),
        (CLASSIFIER, {"classes": []}, 400, "classes: "),
        (CLASSIFIER, {"classes": ["3", "3"]}, 400, "classes[1]: '3' is named twice"),
        (CLASSIFIER, {"classes": ["3"], "category": "anomalies"}, 400, "category: 'anomalies' is unknown"),
        (CLASSIFIER, {"classes": ["ten"]}, 409, "is labelled 'ten'"),
        (CLASSIFIER, {"classes": ["3"]}, 409, "has no model that learns: MetaTF is not installed"),
        (KMEANS, {"classes": ["3"]}, 404, "only networks have"),
    ],
)
def test_what_cannot_be_learnt_is_refused(
    client: Client, learn_id: int, body: dict[str, object], status: int, said: str
) -> None:
    reply = client.request("post", f"api/{DIGITS}/jobs/akida-learn/{learn_id}", body)
    assert reply.status == status and said in reply.body["error"], reply.body


def test_the_doctor_explains_the_extra() -> None:
    told = json.loads(trainerd("doctor", "--json").stdout)
    findings = {found["name"]: found for found in told if found["area"] == "python"}
    for name in ("akida", "cnn2snn", "quantizeml"):
        remedy = findings[name]["remedy"]
        assert "trainerd[akida]" in remedy and "EULA" in remedy and not findings[name]["required"]
