"""Requests and replies in CBOR, over a real broker; the client speaks it with cbor2."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cbor2
import pytest

from tests.harness import Broker, Client, Daemon, wait_until
from tests.scenario import acquisition, carried, properties, train_path

CBOR = "application/cbor"


def test_a_reply_is_in_the_encoding_of_the_request(client: Client) -> None:
    plain = client.request("get", "api/1/impulse")
    for body, content_type in ((cbor2.dumps({}), None), (cbor2.dumps({}), CBOR), (b"", CBOR)):
        reply = client.request("get", "api/1/impulse", body, content_type=content_type)
        assert (reply.status, reply.body) == (200, plain.body)
        given = carried(reply.message)
        assert (given.ContentType, given.PayloadFormatIndicator) == (CBOR, 0)
        assert cbor2.loads(reply.message.payload) == json.loads(plain.message.payload)
    assert carried(plain.message).ContentType == "application/json"
    # A first byte that only a CBOR map has says more than a wrong Content Type.
    reply = client.request("get", "api/1/impulse", cbor2.dumps({}), content_type="application/json")
    assert carried(reply.message).ContentType == CBOR


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (train_path(), {"axes": [0, "1"], "minimumConfidenceRating": 0.3}, 400, "invalid_member"),
        (train_path(project=99), {"axes": [0], "minimumConfidenceRating": 0.3}, 404, "not_found"),
        (train_path(), {"axes": b"\x00", "minimumConfidenceRating": 0.3}, 400, "invalid_member"),
        (train_path(), b"\xa1", 400, "malformed_body"),
        (train_path(), cbor2.dumps({"a": "x" * 262144}), 413, "body_too_large"),
    ],
)
def test_a_refusal_is_too(client: Client, path: str, body: Any, status: int, code: str) -> None:
    payload = body if isinstance(body, bytes) else cbor2.dumps(body)
    reply = client.request("post", path, payload)
    assert (reply.status, reply.body["code"]) == (status, code)
    assert carried(reply.message).ContentType == CBOR


def test_the_capabilities_say_so(client: Client) -> None:
    capabilities = client.request("get", "status").body["capabilities"]
    assert capabilities["contentTypes"] == ["application/json", CBOR]


def test_a_body_of_another_type_than_it_says_is_refused(client: Client) -> None:
    reply = client.request("get", "api/1/impulse", b"{}", content_type=CBOR)
    assert (reply.status, reply.body["code"]) == (400, "malformed_body")


def test_the_same_request_in_the_other_encoding_is_the_same_request(client: Client) -> None:
    body = {"axes": [0, 1], "minimumConfidenceRating": 0.3, "clusterCount": 2.0}
    first = client.request("post", train_path(), cbor2.dumps(body), request_id="either way")
    again = client.request("post", train_path(), body, request_id="either way")
    assert first.status == 200 and first.body == again.body
    assert carried(again.message).ContentType == "application/json"
    other = client.request(
        "post", train_path(), cbor2.dumps({**body, "clusterCount": 3}), request_id="either way"
    )
    assert (other.status, other.body["code"]) == (409, "request_id_conflict")


def test_files_come_as_bytes(client: Client) -> None:
    client.subscribe(f"{client.root}/projects/21/models/7")
    assert client.request("post", "api/21/training/data", cbor2.dumps(acquisition())).status == 200
    impulse = client.request("get", "api/1/impulse").body["impulse"]
    assert client.request("post", "api/21/impulse", cbor2.dumps(impulse)).status == 200
    train = {"axes": [0, 1], "minimumConfidenceRating": 0.3, "skipEmbeddingsAndMemory": True}
    assert client.request("post", train_path(project=21), cbor2.dumps(train)).status == 200
    wait_until("the model", lambda: any(m.topic.endswith("/projects/21/models/7") for m in list(client.seen)))
    path = "api/21/models/7/1/files/model.npz"
    part = client.request("get", path, cbor2.dumps({"offset": 10, "length": 1000})).body
    text = client.request("get", path, {"offset": 10, "length": 1000}).body
    assert isinstance(part["data"], bytes) and len(part["data"]) == min(1000, part["size"] - 10)
    assert base64.b64decode(text["data"]) == part["data"]
    assert {**text, "data": 0} == {**part, "data": 0}


def test_on_mqtt_3_the_whole_reply_is_cbor(broker: Broker, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, broker.port, device="cbor-3", version=3)
    try:
        daemon.start()
        with daemon.client(version=3) as client:
            client.publish(f"{client.root}/get/status", cbor2.dumps({"requestId": "mine"}))
            reply = client.wait_for("a reply", lambda m: m.topic == f"{client.root}/reply/get/status")
            found = cbor2.loads(reply.payload)
            assert (found["status"], found["requestId"], found["device"]) == (200, "mine", "cbor-3")
            assert found["body"]["capabilities"]["device"] == "cbor-3"
    finally:
        daemon.stop()


def test_a_reply_from_the_disk_keeps_its_encoding(client: Client) -> None:
    """A post's reply waits in the outbox before it is sent."""
    topic = f"{client.reply_topic}/kept"
    client.publish(
        f"{client.root}/post/api/1/training/data",
        cbor2.dumps(acquisition([[1, 2, 3]])),
        properties=properties(ResponseTopic=topic, ContentType=CBOR),
    )
    reply = client.wait_for("a reply", lambda message: message.topic == topic)
    assert carried(reply).ContentType == CBOR and cbor2.loads(reply.payload)["sampleId"] > 0
