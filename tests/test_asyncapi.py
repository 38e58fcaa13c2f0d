"""The AsyncAPI document: up to date, valid, and true of what a real daemon says."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from jsonschema import Draft7Validator

from daemon.topics import METHODS
from scripts import asyncapi
from tests.harness import Daemon
from tests.scenario import TRAIN, set_up_project, train, train_path, wait_for_end

#: The package in which the AsyncAPI initiative publishes the schema of its documents.
SPECIFICATION = "@asyncapi/specs@6.11.1"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asyncapi.FILE.read_text())
    return found


def test_the_document_is_up_to_date() -> None:
    assert asyncapi.FILE.read_text() == json.dumps(asyncapi.document(), indent=1) + "\n", "run make asyncapi"


def test_the_document_is_valid_by_the_schema_of_the_specification(
    document: dict[str, Any], tmp_path: Path
) -> None:
    subprocess.run(
        ["npm", "pack", "--silent", "--prefer-offline", SPECIFICATION], cwd=tmp_path, check=True, timeout=120
    )
    (archive,) = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as files:
        schema = files.extractfile(f"package/schemas/{document['asyncapi']}-without-$id.json")
        assert schema is not None
        assert list(Draft7Validator(json.load(schema)).iter_errors(document)) == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))
    assert references
    for reference in set(references):
        found: Any = document
        for step in reference.split("/"):
            found = found[step]


def schema_of(document: dict[str, Any], channel: str) -> dict[str, Any]:
    """The schema of what a channel carries, with everything that it refers to."""
    (message,) = document["channels"][channel]["messages"]
    return {**document["components"]["messages"][message]["payload"], "components": document["components"]}


def channel_of(document: dict[str, Any], topic: str) -> str:
    """The one channel that a topic belongs to."""
    found: list[str] = [
        name
        for name, channel in document["channels"].items()
        if channel["address"] and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", channel["address"]), topic)
    ]
    assert len(found) == 1, (topic, found)
    return found[0]


def test_what_a_daemon_publishes_is_what_the_document_says(document: dict[str, Any], daemon: Daemon) -> None:
    with daemon.client() as client:
        client.subscribe(f"{client.root}/#")
        set_up_project(client)
        wait_for_end(client, train(client))
        refused = client.request("post", train_path(), {**TRAIN, "axes": [9]})
        client.wait_for("the model", lambda message: "/models/" in message.topic)
        seen = [message for message in list(client.seen) if is_told(message, client.root)]
    channels = {check_message(document, message) for message in seen}
    assert channels >= {
        "state",
        "capabilities",
        "jobStatus",
        "jobProgress",
        "jobFinished",
        "model",
    }
    refusal = document["components"]["messages"]["refused"]["payload"]
    assert list(Draft7Validator(refusal).iter_errors(refused.body)) == []


def is_told(message: paho.MQTTMessage, root: str) -> bool:
    """Whether it is something that the device tells of itself: no request, no reply."""
    kind = message.topic.removeprefix(f"{root}/").partition("/")[0]
    return message.topic.startswith(root) and kind not in (*METHODS, "reply")


def check_message(document: dict[str, Any], message: paho.MQTTMessage) -> str:
    channel = channel_of(document, message.topic)
    errors = Draft7Validator(schema_of(document, channel)).iter_errors(json.loads(message.payload))
    assert [error.message for error in errors] == []
    return channel


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (TRAIN, True),
        ({**TRAIN, "requestId": "one"}, True),
        ({**TRAIN, "auth": {"keyId": "k", "counter": 1, "expires": 2, "signature": "s"}}, True),
        ({**TRAIN, "clusterCount": None}, True),
        ({**TRAIN, "clusterCount": 0}, False),
        ({**TRAIN, "clusters": 3}, False),
        ({**TRAIN, "axes": "all"}, False),
        ({}, False),
    ],
)
def test_a_body_fits_the_document_where_the_daemon_takes_it(
    document: dict[str, Any], body: dict[str, Any], taken: bool
) -> None:
    channel = channel_of(document, f"trainerd/press-3/post/{train_path()}")
    assert Draft7Validator(schema_of(document, channel)).is_valid(body) is taken
