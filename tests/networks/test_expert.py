"""Scripts over the broker: who may send them, and what becomes of one that may."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.local_api import LocalClient
from firmware_export.networks.read_tflite import read
from tests.harness import Broker, Client, Daemon, wait_until
from tests.keras_api.project import CLASSIFIER, DIGITS, config_path, digits, set_up, train_path
from tests.networks.test_over_mqtt import PATIENCE, heard
from tests.scenario import TERMINAL
from tests.security.conftest import guard
from tests.security.signer import Signer
from tests.test_docs import blocks, shell

EXPERT = Signer("expert-2", ("expert",))
#: The key of the documentation; its counter is the time.
WRITTEN = Signer("expert-1", ("expert",))
OPS = Signer("ops-2", ("train", "data"))
GROUP = "script-line"

(SCRIPT,) = blocks("docs/expert.md", "python")
BODY = {"mode": "expert", "script": SCRIPT}


@pytest.fixture(scope="module")
def daemon(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that takes scripts."""
    directory = tmp_path_factory.mktemp("expert")
    config = guard(directory, EXPERT, WRITTEN, OPS, required="[]") + "\n[keras.expert]\nenabled = true\n"
    served = Daemon(directory, broker.port, device="press-3", group=GROUP, config=config)
    try:
        with served.start().client() as client:
            set_up(client, DIGITS, digits(500))
        yield served
    finally:
        served.stop()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    """A client of it that hears everything."""
    with daemon.client() as connected:
        connected.subscribe(f"{connected.root}/#")
        yield connected


def refused(client: Client, path: str, body: dict[str, Any], **options: Any) -> str:
    """Code of a refusal with 403."""
    reply = client.request("post", path, body, **options)
    assert reply.status == 403, reply.body
    return str(reply.body["code"])


def test_only_a_signature_with_the_role_expert_lets_a_script_in(daemon: Daemon, client: Client) -> None:
    for path in (train_path(), config_path()):
        for body in (BODY, {"mode": "expert"}, {"script": SCRIPT}):
            assert refused(client, path, body) == "signature_missing"
            assert refused(client, path, OPS.sign(path, body, device="press-3")) == "role_missing"
    signed = EXPERT.sign(train_path(), BODY, device="press-3")
    tampered = {**signed, "script": SCRIPT + "\n"}
    assert refused(client, train_path(), tampered) == "signature_invalid"
    to_group = EXPERT.sign(train_path(), BODY, group=GROUP)
    assert refused(client, train_path(), to_group, group=GROUP) == "forbidden"
    local = LocalClient(daemon.socket)
    local.open()
    try:
        status, body = local.request("post", train_path(), BODY)
        assert (status, body["code"]) == (403, "signature_missing")
    finally:
        local.close()
    # Everything else is as open as it was.
    assert client.request("post", config_path(), {"trainingCycles": 3}).status == 200


def test_a_stored_script_needs_the_role_to_run_again(client: Client) -> None:
    stored = EXPERT.sign(config_path(), {"mode": "expert", "script": SCRIPT}, device="press-3")
    assert client.request("post", config_path(), stored).status == 200
    assert refused(client, train_path(), {}) == "signature_missing"
    assert refused(client, train_path(), {"trainingCycles": 2}) == "signature_missing"
    shown = client.request("get", config_path()).body
    assert (shown["mode"], shown["script"], shown["visualLayers"]) == ("expert", SCRIPT, [])
    # Leaving expert mode runs nothing.
    assert client.request("post", config_path(), {"mode": "visual"}).status == 200


def test_a_device_that_does_not_take_scripts_refuses_signed_ones(broker: Broker, tmp_path: Path) -> None:
    served = Daemon(tmp_path, broker.port, device="no-scripts", config=guard(tmp_path, EXPERT, required="[]"))
    try:
        with served.start().client() as client:
            set_up(client, DIGITS, digits(60))
            told = client.request("get", "status").body["capabilities"]["expert"]
            assert told == {"available": False, "reason": "keras.expert.enabled is false"}
            for path in (train_path(), config_path()):
                assert refused(client, path, EXPERT.sign(path, BODY, device="no-scripts")) == "forbidden"
    finally:
        served.stop()


def test_a_script_becomes_a_version_like_any_other(daemon: Daemon, client: Client) -> None:
    told = client.request("get", "status").body["capabilities"]["expert"]
    assert told["available"] and "landlock" in told["walls"]
    (daemon.directory / "train.py").write_text(SCRIPT)
    with_key(daemon, "expert-1.pem")
    (send_it,) = [block for block in blocks("docs/expert.md", "sh") if "mosquitto_pub" in block]
    shell(daemon, send_it)
    job = ended(client, "jobs/+/status")
    assert job["state"] == "SUCCEEDED", job["error"]
    metrics = job["result"]["metrics"]
    assert metrics["float32"]["validationAccuracy"] > 0.8 and metrics["int8"]["validationAccuracy"] > 0.8
    assert 1 <= job["result"]["bestEpoch"] <= 12
    steps = [step for step in heard(client, f"jobs/{job['id']}/progress") if step["stage"] == "train"]
    assert {step["epochs"] for step in steps if "epoch" in step} == {12}
    lines = [line["data"] for line in heard(client, f"jobs/{job['id']}/data")]
    assert any("sandbox: " in line for line in lines)
    directory = daemon.state_dir / "projects" / str(DIGITS) / "models" / str(CLASSIFIER) / "1"
    manifest = json.loads((directory / "manifest.json").read_bytes())
    expected = {"model.npz", "model_float32.tflite", "model_int8.tflite", "c/digits.c"}
    assert expected <= manifest["files"].keys() and "model.keras" not in manifest["files"]
    with np.load(directory / "model.npz") as weights:
        assert [array.shape for array in weights.values()] == [(64, 32), (32,), (32, 10), (10,)]
    assert read((directory / "model_int8.tflite").read_bytes()).steps
    assert not list((daemon.state_dir / "work").glob("*"))


def test_a_script_that_fails_says_where(client: Client) -> None:
    job = run(client, {**BODY, "script": "import os\nos.fork()"})
    assert (job["state"], job["error"]["code"]) == ("FAILED", "script_failed")
    assert job["error"]["message"].startswith("script, line 2: os.fork()\nPermissionError")


def test_a_script_that_did_not_come_signed_is_not_run(daemon: Daemon, client: Client) -> None:
    """Somebody has changed the database behind the daemon's back."""
    stored = EXPERT.sign(config_path(), {"mode": "expert", "script": SCRIPT}, device="press-3")
    assert client.request("post", config_path(), stored).status == 200
    changed = {"mode": "expert", "script": "print('changed')"}
    with sqlite3.connect(daemon.state_dir / "trainerd.db") as database:
        database.execute("UPDATE block SET settings = ?", (json.dumps(changed),))
    database.close()
    # The signature is over a body without a script: what is stored is not what was signed.
    job = run(client, {"mode": "expert", "trainingCycles": 1})
    assert (job["state"], job["error"]["code"]) == ("FAILED", "training_failed")
    assert "it came unsigned" in job["error"]["message"]


def with_key(daemon: Daemon, name: str) -> None:
    """Put the private key of `WRITTEN` where the documentation has it, beside the broker's address."""
    prefix = bytes.fromhex("302e020100300506032b657004220420")  # PKCS #8 around an Ed25519 key, RFC 8410
    text = base64.encodebytes(prefix + bytes(WRITTEN.private)).decode()
    (daemon.directory / name).write_text(f"-----BEGIN PRIVATE KEY-----\n{text}-----END PRIVATE KEY-----\n")
    (daemon.directory / name).chmod(0o600)
    (daemon.directory / "mosquitto_pub").write_text(f"-h 127.0.0.1\n-p {daemon.port}\n")


def run(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Train with a signed body; the job as it ended."""
    reply = client.request("post", train_path(), EXPERT.sign(train_path(), body, device="press-3"))
    assert reply.status == 200, reply.body
    return ended(client, f"jobs/{reply.body['id']}/status")


def ended(client: Client, topic: str) -> dict[str, Any]:
    """The first job that is told on a topic to have ended."""
    pattern = re.compile(re.escape(f"{client.root}/{topic}").replace(r"\+", "[0-9]+"))

    def found() -> dict[str, Any] | None:
        # What is retained may be an earlier device's of this name.
        live = [m for m in list(client.seen) if pattern.fullmatch(m.topic) and m.payload and not m.retain]
        told = [json.loads(m.payload) for m in live]
        return next((job for job in told if job["state"] in TERMINAL), None)

    job: dict[str, Any] = wait_until("the end of the script", found, PATIENCE)
    return job
