"""The same request gets the same answer and starts nothing; who decides that is its id."""

from __future__ import annotations

import json
import uuid
from typing import Any

import paho.mqtt.client as paho
import pytest

from tests.harness import Client, Daemon
from tests.mqtt.stand_in_broker import StandInBroker
from tests.scenario import TRAIN, acquisition, carried, properties, train_path, user_properties

DATA = "api/{}/training/data"


def samples(client: Client, project: int) -> int:
    """How many samples a project holds."""
    reply = client.request("get", f"api/{project}/raw-data", {"category": "training"})
    return int(reply.body["totalCount"])


@pytest.fixture
def project() -> int:
    """A project that no other test uses."""
    return uuid.uuid4().int % 2**40 + 100


def test_the_same_request_gets_the_same_job(client: Client) -> None:
    request_id = uuid.uuid4().hex
    first = client.request("post", train_path(), TRAIN, request_id=request_id)
    assert first.status == 200
    again = client.request("post", train_path(), TRAIN, request_id=request_id)
    assert (again.status, again.body) == (200, first.body)
    job = client.request("get", f"api/1/jobs/{first.body['id']}/status").body["job"]
    assert job["requestId"] == request_id
    every = client.request("get", "jobs", {"limit": 1000}).body["jobs"]
    assert [found["requestId"] for found in every].count(request_id) == 1


def test_the_same_id_with_another_payload_is_a_conflict(client: Client, project: int) -> None:
    path, request_id = DATA.format(project), uuid.uuid4().hex
    rows = [[1, 2, 3], [4, 5, 6]]
    assert client.request("post", path, acquisition(rows), request_id=request_id).status == 200
    other = client.request("post", path, acquisition([[7, 8, 9]]), request_id=request_id)
    assert (other.status, other.body["code"]) == (409, "request_id_conflict")
    assert samples(client, project) == 2
    # The first answer stands.
    again = client.request("post", path, acquisition(rows), request_id=request_id)
    assert again.status == 200 and samples(client, project) == 2


def test_the_same_id_on_another_path_or_response_topic_is_another_request(
    client: Client, project: int
) -> None:
    path, request_id = DATA.format(project), uuid.uuid4().hex
    body = json.dumps(acquisition([[1, 2, 3]]))
    first = client.request("post", path, acquisition([[1, 2, 3]]), request_id=request_id)
    elsewhere = client.request(
        "post", DATA.format(project + 1), acquisition([[1, 2, 3]]), request_id=request_id
    )
    topic = f"{client.reply_topic}/another"
    client.publish(
        f"{client.root}/post/{path}",
        body,
        properties=properties(ResponseTopic=topic, CorrelationData=request_id.encode()),
    )
    reply = client.wait_for("a reply", lambda message: message.topic == topic)
    ids = {first.body["sampleId"], elsewhere.body["sampleId"], json.loads(reply.payload)["sampleId"]}
    assert len(ids) == 3
    assert (samples(client, project), samples(client, project + 1)) == (2, 1)


@pytest.mark.parametrize("where", ["correlation data", "user property", "body"])
def test_an_id_counts_wherever_it_is_carried(client: Client, project: int, where: str) -> None:
    """Twice the same request, without a Response Topic: one sample, and one answer twice."""
    path, request_id = DATA.format(project), uuid.uuid4().hex
    body = acquisition([[1, 2, 3]])
    carrying: dict[str, Any] = {}
    if where == "correlation data":
        carrying["properties"] = properties(CorrelationData=request_id.encode())
    elif where == "user property":
        carrying["properties"] = properties(UserProperty=[("trace", "x"), ("request-id", request_id)])
    else:
        body["requestId"] = request_id
    topic = f"{client.root}/reply/post/{path}"
    client.subscribe(topic)
    for _ in range(2):
        client.publish(f"{client.root}/post/{path}", json.dumps(body), **carrying)

    def replies() -> list[paho.MQTTMessage]:
        return [message for message in client.seen if message.topic == topic]

    client.wait_for("the second reply", lambda _: len(replies()) >= 2)
    assert [user_properties(message)["status"] for message in replies()] == ["200", "200"]
    assert len({message.payload for message in replies()}) == 1
    assert samples(client, project) == 1


def test_correlation_data_goes_before_the_user_property_and_that_before_the_body(
    client: Client, project: int
) -> None:
    path = DATA.format(project)

    def send(correlation: str, user: str, body: str) -> dict[str, Any]:
        topic = f"{client.reply_topic}/{uuid.uuid4().hex}"
        client.publish(
            f"{client.root}/post/{path}",
            json.dumps({**acquisition([[1, 2, 3]]), "requestId": body}),
            properties=properties(
                ResponseTopic=f"{client.reply_topic}/{project}",
                CorrelationData=correlation.encode(),
                UserProperty=[("request-id", user), ("mark", topic)],
            ),
        )
        message = client.wait_for(
            "a reply",
            lambda m: getattr(carried(m), "CorrelationData", None) == correlation.encode() and m not in seen,
        )
        seen.append(message)
        found: dict[str, Any] = json.loads(message.payload)
        return found

    seen: list[paho.MQTTMessage] = []
    first = send("a", "b", "c")
    assert send("a", "b", "c") == first
    assert send("a", "x", "c") == first
    assert send("z", "b", "c") != first
    # The body is part of the payload: another one under the same id is a conflict.
    assert send("a", "b", "x")["code"] == "request_id_conflict"


def test_a_refused_request_may_be_mended_under_its_id(client: Client, project: int) -> None:
    path, request_id = DATA.format(project), uuid.uuid4().hex
    refused = client.request("post", path, acquisition([[1, 2]]), request_id=request_id)
    assert refused.status == 400
    assert client.request("post", path, acquisition([[1, 2, 3]]), request_id=request_id).status == 200
    assert samples(client, project) == 1


def test_a_get_always_runs(client: Client, project: int) -> None:
    path = f"api/{project}/raw-data"
    before = client.request("get", path, {"category": "training"}, request_id="looking")
    assert before.body["totalCount"] == 0
    client.request("post", DATA.format(project), acquisition([[1, 2, 3]]))
    after = client.request("get", path, {"category": "training"}, request_id="looking")
    assert after.body["totalCount"] == 1
    other = client.request("get", path, {"category": "testing"}, request_id="looking")
    assert (other.status, other.body["totalCount"]) == (200, 0)


def test_a_client_s_own_resend_without_id_is_a_new_request(client: Client, project: int) -> None:
    path = DATA.format(project)
    client.subscribe(f"{client.root}/reply/post/{path}")
    for _ in range(2):
        client.publish(f"{client.root}/post/{path}", json.dumps(acquisition([[1, 2, 3]])))
    client.wait_for("two replies", lambda _: len([m for m in client.seen if m.topic.endswith(path)]) == 2)
    assert samples(client, project) == 2


def test_answers_outlive_the_daemon(daemon: Daemon) -> None:
    with daemon.client() as client:
        first = client.request("post", DATA.format(1), acquisition([[1, 2, 3]]), request_id="kept")
        assert first.status == 200
        daemon.kill()
        daemon.start()
        again = client.request("post", DATA.format(1), acquisition([[1, 2, 3]]), request_id="kept")
        assert again.body == first.body
        assert samples(client, 1) == 1


def test_a_broker_s_redelivery_of_a_request_without_id_is_the_same_request(stand_in: StandInBroker) -> None:
    """The stand-in broker sends what a real one sends after it missed an acknowledgement."""
    payload = json.dumps(acquisition([[1, 2, 3]])).encode()
    topic = f"{stand_in.root}/post/api/1/training/data"

    def sample(packet_id: int, payload: bytes = payload, *, duplicate: bool = False) -> int:
        stand_in.deliver(topic, payload, packet_id, duplicate=duplicate)
        reply = stand_in.next_message(f"{stand_in.root}/reply/post/api/1/training/data")
        stand_in.next_acknowledgement(packet_id)
        return int(reply["body"]["sampleId"])

    first = sample(41)
    assert sample(41, duplicate=True) == first
    # Marked as a duplicate, but nothing like it was seen before: other id, other payload, other session.
    assert sample(42, duplicate=True) == first + 1
    assert sample(41, json.dumps(acquisition([[4, 5, 6]])).encode(), duplicate=True) == first + 2
    # The packet id is free again after its acknowledgement.
    third = sample(42)
    assert third == first + 3
    stand_in.reconnect(session_present=True)
    assert sample(42, duplicate=True) == third
    stand_in.reconnect(session_present=False)
    assert sample(42, duplicate=True) == third + 1


def test_a_request_is_acknowledged_after_its_reply_is_on_disk(stand_in: StandInBroker) -> None:
    """Kill it as soon as the acknowledgement is out: the reply comes from the next daemon."""
    topic = f"{stand_in.root}/post/api/1/training/data"
    stand_in.deliver(topic, json.dumps(acquisition([[1, 2, 3]])).encode(), 7)
    stand_in.next_acknowledgement(7)
    stand_in.restart_daemon(session_present=True)
    reply = stand_in.next_message(f"{stand_in.root}/reply/post/api/1/training/data")
    assert reply["status"] == 200


def test_an_acknowledgement_of_an_earlier_connection_is_not_sent_on_the_next(
    stand_in: StandInBroker,
) -> None:
    """Packet ids mean something else after a reconnect: what was not acknowledged comes again."""
    topic = f"{stand_in.root}/post/api/1/training/data"
    for packet_id in range(1, 6):
        stand_in.deliver(topic, json.dumps(acquisition([[packet_id, 2, 3]])).encode(), packet_id)
    stand_in.reconnect(session_present=False)
    stand_in.deliver(topic, json.dumps(acquisition([[9, 9, 9]])).encode(), 100)
    stand_in.next_acknowledgement(100)
    assert stand_in.acknowledged == [100]
