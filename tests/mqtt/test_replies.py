"""Where replies go, and what they carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Broker, Client, Daemon
from tests.scenario import carried, properties, set_up_project, train, train_path, user_properties


def test_a_reply_goes_to_the_response_topic_with_its_correlation_data(client: Client) -> None:
    reply = client.request("get", "api/1/impulse", request_id="the request")
    assert reply.status == 200 and reply.body["success"] is True
    assert reply.message.topic == f"{client.reply_topic}/fixed"
    given = carried(reply.message)
    assert given.CorrelationData == b"the request"
    assert given.ContentType == "application/json"
    assert given.PayloadFormatIndicator == 1
    assert dict(given.UserProperty) == {"status": "200", "device": client.device}
    assert not reply.message.retain


def test_correlation_data_need_not_be_text(client: Client) -> None:
    marks = bytes(range(256))
    topic = f"{client.reply_topic}/binary"
    client.publish(
        f"{client.root}/get/status", b"", properties=properties(ResponseTopic=topic, CorrelationData=marks)
    )
    reply = client.wait_for("a reply", lambda message: message.topic == topic)
    assert carried(reply).CorrelationData == marks


@pytest.mark.parametrize(("path", "status"), [("api/1/impulse", 200), ("api/999/impulse", 404)])
def test_without_response_topic_the_reply_goes_to_the_device_s_own(
    client: Client, path: str, status: int
) -> None:
    client.subscribe(f"{client.root}/reply/#")
    client.publish(f"{client.root}/get/{path}", b"", properties=properties(CorrelationData=b"c"))
    reply = client.wait_for("a reply", lambda message: message.topic == f"{client.root}/reply/get/{path}")
    assert user_properties(reply)["status"] == str(status)
    assert carried(reply).CorrelationData == b"c"
    assert json.loads(reply.payload)["success"] is (status == 200)


@pytest.mark.parametrize(
    "foreign", ["trainerd/served/state", "elsewhere", "trainerd/reply", "other/reply/x", "trainerd/replyx/y"]
)
def test_a_foreign_response_topic_is_refused_on_the_device_s_own(client: Client, foreign: str) -> None:
    client.subscribe(f"{client.root}/reply/#")
    client.subscribe(foreign)
    client.publish(
        f"{client.root}/post/{train_path()}",
        b"{}",
        properties=properties(ResponseTopic=foreign, CorrelationData=foreign.encode()),
    )
    reply = client.wait_for(
        "a refusal", lambda message: getattr(message.properties, "CorrelationData", None) == foreign.encode()
    )
    assert reply.topic == f"{client.root}/reply/post/{train_path()}"
    assert user_properties(reply)["status"] == "400"
    refusal = json.loads(reply.payload)
    assert refusal["code"] == "foreign_response_topic" and "trainerd/reply/" in refusal["error"]
    assert not [m for m in client.seen if m.topic == foreign and not m.retain]


def test_a_body_a_little_over_the_limit_gets_413_and_one_at_the_limit_is_read(client: Client) -> None:
    limit = 256 * 1024
    filler = b'{"a": "' + b"x" * (limit - 9) + b'"}'
    assert len(filler) == limit
    at_limit = client.request("post", train_path(), filler)
    assert (at_limit.status, at_limit.body["code"]) == (400, "invalid_member")
    over = client.request("post", train_path(), filler + b" ")
    assert (over.status, over.body["code"]) == (413, "body_too_large")
    assert str(limit) in over.body["error"] and str(limit + 1) in over.body["error"]


def test_on_mqtt_3_a_reply_is_wrapped_on_the_device_s_own_topic(broker: Broker, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, broker.port, device="version-3", version=3)
    try:
        daemon.start()
        with daemon.client(version=3) as client:
            client.publish(f"{client.root}/get/status", b"")
            client.publish(f"{client.root}/post/{train_path()}", b'{"requestId": "mine", "axes": [0]}')
            client.publish(f"{client.root}/post/{train_path()}", b"not JSON")

            def wrapped(path: str, mark: bytes) -> dict[str, Any]:
                message = client.wait_for(
                    path, lambda m: m.topic == f"{client.root}/reply/{path}" and mark in m.payload
                )
                found: dict[str, Any] = json.loads(message.payload)
                assert set(found) == {"status", "requestId", "device", "body"}
                assert found["device"] == "version-3"
                return found

            status = wrapped("get/status", b"capabilities")
            assert (status["status"], status["requestId"]) == (200, None)
            assert status["body"]["capabilities"]["device"] == "version-3"
            named = wrapped(f"post/{train_path()}", b"invalid_member")
            assert (named["status"], named["requestId"]) == (400, "mine")
            assert "minimumConfidenceRating" in named["body"]["error"]
            unread = wrapped(f"post/{train_path()}", b"malformed_body")
            assert (unread["status"], unread["requestId"]) == (400, None)
    finally:
        daemon.stop()


def test_a_client_of_mqtt_3_is_served_by_a_daemon_on_mqtt_5(served: Daemon) -> None:
    with served.client(version=3) as client:
        client.publish(f"{client.root}/get/api/1/impulse", b"")
        reply = client.wait_for("a reply", lambda m: m.topic == f"{client.root}/reply/get/api/1/impulse")
        assert json.loads(reply.payload)["success"] is True


def test_groups_take_posts_of_their_members_only(client: Client) -> None:
    with_group = client.request("post", "api/1/impulse", {}, group="line-1")
    assert with_group.status == 400 and with_group.body["code"] == "invalid_member"
    assert user_properties(with_group.message)["device"] == client.device
    for path in ("api/1/delete", "log-level"):
        refused = client.request("post", path, {"level": "debug"}, group="line-1")
        assert refused.status == 403 and "not taken from a group" in refused.body["error"], path
    refused = client.request("post", "api/1/models/7/rollback", {}, group="line-1")
    assert (refused.status, refused.body["code"]) == (403, "forbidden")
    # Neither a get to the group nor another group's post is the device's business.
    for topic in ("trainerd/group/line-1/get/status", "trainerd/group/line-2/post/api/1/impulse"):
        client.publish(topic, b"{}", properties=properties(ResponseTopic=f"{client.reply_topic}/none"))
    assert client.request("get", "status").status == 200
    assert not [m for m in client.seen if m.topic.endswith("/none")]


def test_a_group_request_starts_a_job(client: Client) -> None:
    set_up_project(client, 20)
    reply = client.request(
        "post", train_path(project=20), {"axes": [0], "minimumConfidenceRating": 0.3}, group="line-1"
    )
    assert reply.status == 200 and reply.body["id"] > 0


def test_qos_0_is_served(client: Client) -> None:
    topic = f"{client.reply_topic}/qos0"
    client.publish(f"{client.root}/get/status", b"", qos=0, properties=properties(ResponseTopic=topic))
    reply = client.wait_for("a reply", lambda message: message.topic == topic)
    assert json.loads(reply.payload)["success"] is True


def test_a_leading_or_trailing_slash_does_not_matter(client: Client) -> None:
    assert client.request("get", "api/1/impulse/").status == 200
    assert train(client) > 0
