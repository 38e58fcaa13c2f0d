"""A network that is taught over MQTT, with the real MetaTF where it is installed and with its stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.akida.digits import AKIDA, TWO_MORE, digits
from tests.harness import Broker, Client, Daemon, wait_until
from tests.keras_api.project import CLASSIFIER, DIGITS, send, set_up, table, train_path
from tests.scenario import TERMINAL

STAND_IN = Path(__file__).parent / "stand_in"
LEARN = f"api/{DIGITS}/jobs/akida-learn/{CLASSIFIER}"
MODEL = f"api/{DIGITS}/models/{CLASSIFIER}"
BODY = {**AKIDA, **TWO_MORE, "trainingCycles": 8, "visualLayers": [{"type": "dense", "neurons": 32}]}


@pytest.fixture(params=["stand-in", pytest.param("metatf", marks=pytest.mark.metatf)])
def daemon(request: pytest.FixtureRequest, broker: Broker, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that finds MetaTF."""
    environment = {"PYTHONPATH": str(STAND_IN)} if request.param == "stand-in" else {}
    made = Daemon(tmp_path, broker.port, device=f"akida-{request.param}", environment=environment)
    yield made
    made.stop()


def ended(client: Client, job_id: int) -> dict[str, Any]:
    """A job once it has ended; TensorFlow alone takes seconds to load, and more where other work goes on."""

    def job() -> Any:
        found = client.request("get", f"api/{DIGITS}/jobs/{job_id}/status").body["job"]
        return found if found["state"] in TERMINAL else None

    found: dict[str, Any] = wait_until("the end of the job", job, 180.0)
    return found


def learn(client: Client, *classes: str) -> dict[str, Any]:
    """The job that teaches some classes."""
    job_id = send(client, LEARN, {"classes": list(classes), "category": "anomaly"})["id"]
    return ended(client, job_id)


def learnt(client: Client, version: int) -> list[str]:
    """Classes that a version has learnt."""
    manifest = client.request("get", f"{MODEL}/{version}").body["manifest"]
    found: list[str] = manifest["akida"]["edgeLearning"]["learnt"]
    return found


def test_what_is_learnt_survives_a_restart_and_can_be_forgotten(daemon: Daemon) -> None:
    with daemon.start().client() as client:
        assert client.request("get", "status").body["capabilities"]["variants"]["akida"]["available"]
        set_up(client, DIGITS, table(*digits(range(6), last=300)))
        send(client, f"api/{DIGITS}/anomaly/data", table(*digits([6, 8, 9], last=300)))
        job = ended(client, send(client, train_path(), BODY)["id"])
        assert job["state"] == "SUCCEEDED" and not job["result"]["warnings"], job
        metadata = client.request("get", f"api/{DIGITS}/training/keras/{CLASSIFIER}/metadata").body
        assert metadata["recommendedModelType"] == "akida"
        job = learn(client, "6")
        assert job["categoryKey"] == "akida-learn" and job["result"]["version"] == 2, job
    daemon.stop()
    with daemon.start().client() as client:
        assert learnt(client, client.request("get", MODEL).body["current"]) == ["6"]
        job = learn(client, "9")
        assert (job["result"]["version"], job["result"]["weightsOf"]) == (3, 2), job
        assert learnt(client, 3) == ["6", "9"]
        reply = client.request("post", LEARN, {"classes": ["8"], "category": "anomaly"})
        assert reply.status == 409 and "can learn 2 classes and would know 3" in reply.body["error"]
        send(client, f"{MODEL}/rollback", {"version": 1})
        assert learn(client, "8")["result"]["weightsOf"] == 1
        assert learnt(client, 4) == ["8"]


def test_a_crash_of_metatf_costs_the_variant_only(broker: Broker, tmp_path: Path) -> None:
    """Native code that dies takes its process with it: the next one tries once more, then goes on without."""
    path, place = tmp_path / "path", tmp_path / "place"
    for directory in (path / "akida", place):
        directory.mkdir(parents=True)
    (path / "akida" / "__init__.py").write_text(
        f"exec(open({str(STAND_IN / 'akida' / '__init__.py')!r}).read())\n"
        "import os, signal\n"
        "Model.save = lambda *_: os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    environment = {"PYTHONPATH": f"{path}:{STAND_IN}"}
    daemon = Daemon(place, broker.port, device="akida-crash", environment=environment)
    try:
        with daemon.start().client() as client:
            set_up(client, DIGITS, table(*digits(range(3), last=200)))
            job = ended(client, send(client, train_path(), BODY)["id"])
            assert job["state"] == "SUCCEEDED", job
            (warning,) = job["result"]["warnings"]
            assert "the process has ended without a word while MetaTF was at work" in warning
            files = client.request("get", f"{MODEL}/1").body["manifest"]["files"]
            assert "model_int8.tflite" in files and "akida_model.fbz" not in files
    finally:
        daemon.stop()
