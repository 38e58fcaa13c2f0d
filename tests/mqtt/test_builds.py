"""Packages of a version, asked for over the broker and fetched in parts."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Broker, Client, Daemon
from tests.scenario import GMM, KMEANS, set_up_project, train, wait_for_end

BUILD = "api/1/jobs/build-ondevice-model"


@pytest.fixture(scope="module")
def client(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a device with a version of K-means."""
    config = "[models]\nkeep_versions = 1\n"
    daemon = Daemon(tmp_path_factory.mktemp("builds"), broker.port, device="builds", config=config).start()
    try:
        with daemon.client() as client:
            client.subscribe(f"{client.root}/jobs/#")
            set_up_project(client)
            assert wait_for_end(client, train(client, KMEANS))["state"] == "SUCCEEDED"
            yield client
    finally:
        daemon.stop()


def build(client: Client, **body: Any) -> dict[str, Any]:
    """Build and wait for the end of it."""
    reply = client.request("post", BUILD, body)
    assert reply.status == 200, reply.body
    job = wait_for_end(client, reply.body["id"])
    assert job["state"] == "SUCCEEDED", job
    return job


def fetch(client: Client, result: dict[str, Any], version: int = 1) -> bytes:
    """A package in parts that are too small for it."""
    content = b""
    while len(content) < result["size"]:
        path = f"api/1/models/{KMEANS}/{version}/files/{result['file']}"
        part = client.request("get", path, {"offset": len(content), "length": 3000}).body
        assert (part["size"], part["sha256"]) == (result["size"], result["sha256"])
        content += base64.b64decode(part["data"])
    return content


def test_a_package_is_built_fetched_and_passes_its_self_test(client: Client, tmp_path: Path) -> None:
    job = build(client, type="zip", engine="tflite-eon", modelType="int8")
    assert (job["categoryKey"], job["projectId"], job["learnId"]) == ("build-ondevice-model", 1, KMEANS)
    content = fetch(client, job["result"])
    assert hashlib.sha256(content).hexdigest() == job["result"]["sha256"]
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path / "package")
    readme = (tmp_path / "package/README.md").read_text()
    assert "K-means, 3 clusters" in readme and "Feature 2 (z)" in readme
    for command in (
        ["cmake", "-S", "package", "-B", "b"],
        ["cmake", "--build", "b"],
        ["ctest", "--test-dir", "b"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    shown = client.request("get", f"api/1/models/{KMEANS}/1").body
    assert (
        job["result"]["file"] in shown["builds"] and job["result"]["file"] not in shown["manifest"]["files"]
    )


def test_the_same_package_again_is_the_same_bytes(client: Client) -> None:
    first, second = (build(client, type="arduino", learnId=KMEANS)["result"] for _ in range(2))
    assert first == second and first["file"] == "builds/kmeans-arduino.zip"
    names = zipfile.ZipFile(io.BytesIO(fetch(client, first))).namelist()
    assert "kmeans/library.properties" in names and "kmeans/src/kmeans.c" in names


def test_a_package_goes_with_its_version(client: Client) -> None:
    file = build(client, type="c", learnId=KMEANS)["result"]["file"]
    version = wait_for_end(client, train(client, KMEANS))["result"]["version"]
    assert client.request("get", f"api/1/models/{KMEANS}/{version}").body["builds"] == []
    missing = client.request("get", f"api/1/models/{KMEANS}/{version}/files/{file}")
    assert missing.status == 404 and "has no file builds/kmeans-c.zip" in missing.body["error"]
    assert client.request("get", f"api/1/models/{KMEANS}/{version - 1}/files/{file}").status == 404


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "type"),
        ({"type": "ardiuno"}, 400, "type: 'ardiuno' is unknown; did you mean 'arduino'?"),
        ({"type": "zip", "engine": "tflite"}, 400, "engine: 'tflite' is not to be had with 'zip'"),
        ({"type": "zip", "modelType": "float32"}, 400, "modelType: 'float32' is not exported as C"),
        ({"type": "tflm"}, 400, "type: 'tflm' is for networks"),
        ({"type": "zip", "learnId": GMM}, 404, "learn block 8 of project 1 has not been trained yet"),
    ],
)
def test_what_cannot_be_built_is_refused(
    client: Client, body: dict[str, Any], status: int, words: str
) -> None:
    reply = client.request("post", BUILD, body)
    assert reply.status == status and words in reply.body["error"], reply.body


def test_a_project_without_models_is_refused(client: Client) -> None:
    reply = client.request("post", "api/5/jobs/build-ondevice-model", {"type": "zip"})
    assert reply.status == 404 and "project 5 has no trained model" in reply.body["error"]


def test_a_project_with_two_models_asks_which(client: Client) -> None:
    assert wait_for_end(client, train(client, GMM))["state"] == "SUCCEEDED"
    reply = client.request("post", BUILD, {"type": "zip", "parameters": {"a": 1}})
    assert reply.status == 400 and "learnId: say which model: project 1 has 7, 8" in reply.body["error"]
    said = client.request("post", BUILD, {"type": "zip", "learnId": GMM, "parameters": {"a": 1}}).body
    assert said["ignored"] == {"parameters": "no package takes any"} and said["deploymentVersion"] == 1
    assert wait_for_end(client, said["id"])["state"] == "SUCCEEDED"
