"""What is retained: presence, capabilities, jobs, models; told anew on each connection."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from daemon.local_api import LocalClient
from tests.harness import Broker, Client, Daemon, wait_until
from tests.mqtt.stand_in_broker import StandInBroker
from tests.scenario import IMPULSE, properties, set_up_project, train, wait_for_end

#: Started by root, Mosquitto would become a user who may not look into a test's directory.
SAME_USER = f"user {getpass.getuser()}"


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that a test may harm."""
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder)
    yield broker.start()
    broker.stop()


@pytest.fixture
def own_daemon(own_broker: Broker, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon on that broker."""
    daemon = Daemon(tmp_path, own_broker.port, device="own")
    yield daemon.start()
    daemon.stop()


def states(client: Client) -> list[dict[str, Any]]:
    return [json.loads(m.payload) for m in list(client.seen) if m.topic == f"{client.root}/state"]


def retained(client: Client) -> dict[str, bytes]:
    """Everything that the broker holds for the device, at this moment."""
    client.subscribe(f"{client.root}/#")
    client.publish(f"{client.reply_topic}/marker", b"")
    client.wait_for("the marker", lambda message: message.topic.endswith("/marker"))
    return {
        message.topic.removeprefix(f"{client.root}/"): bytes(message.payload)
        for message in client.seen
        if message.retain
    }


def test_online_comes_after_everything_else_and_after_a_message_to_itself(
    broker: Broker, tmp_path: Path
) -> None:
    daemon = Daemon(tmp_path, broker.port, device="birth")
    with daemon.client() as client:
        client.subscribe(f"{client.root}/#")
        try:
            daemon.start()
            client.wait_for("online", lambda m: m.topic.endswith("/state"))
            topics = [m.topic.removeprefix(f"{client.root}/") for m in client.seen]
            online = topics.index("state")
            assert topics.index("capabilities") < topics.index("get/self-ping") < online
            found = states(client)[0]
            assert found["state"] == "online"
            assert set(found) == {"state", "version", "bootId", "sessionId"}
        finally:
            daemon.stop()


def test_without_read_access_to_its_requests_it_never_says_online(tmp_path: Path) -> None:
    """The broker grants the subscription all the same: only the message that does not return tells."""
    (tmp_path / "acl").write_text(
        "topic write trainerd/#\ntopic read trainerd/mute/state\n"
        "topic read trainerd/mute/capabilities\ntopic read trainerd/reply/#\n"
    )
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(
        folder,
        settings=(
            SAME_USER,
            f"acl_file {tmp_path / 'acl'}",
        ),
    ).start()
    daemon = Daemon(tmp_path, broker.port, device="mute")
    try:
        with daemon.client() as client:
            client.subscribe(f"{client.root}/state")
            client.subscribe(f"{client.root}/capabilities")
            daemon.start(wait=False)
            client.wait_for("capabilities", lambda m: m.topic.endswith("/capabilities"))
            # A round trip later than the one that a lucky daemon needs.
            client.publish(f"{client.reply_topic}/marker", b"")
            client.wait_for("the marker", lambda m: m.topic.endswith("/marker"))
            assert states(client) == []
    finally:
        daemon.stop()
        broker.stop()


def test_a_clean_stop_says_offline_at_once(daemon: Daemon) -> None:
    with daemon.client() as client:
        client.subscribe(f"{client.root}/state")
        online = states(client) or [json.loads(client.wait_for("online", lambda m: True).payload)]
        assert daemon.stop() == 0
        client.wait_for("offline", lambda m: b'"offline"' in m.payload)
        last = states(client)[-1]
        assert last == {**online[0], "state": "offline"}
        assert retained(client)["state"] == json.dumps(last, separators=(",", ":")).encode()
        assert "Traceback" not in daemon.log()


def test_the_will_tells_of_a_killed_daemon_with_the_same_session(broker: Broker, tmp_path: Path) -> None:
    """On MQTT 3.1.1 wills have no delay."""
    daemon = Daemon(tmp_path, broker.port, device="will-3", version=3)
    try:
        daemon.start()
        with daemon.client() as client:
            client.subscribe(f"{client.root}/state")
            client.wait_for("online", lambda m: b'"online"' in m.payload)
            daemon.kill()
            client.wait_for("offline", lambda m: b'"offline"' in m.payload)
            online, offline = states(client)
            assert offline == {**online, "state": "offline"}
            daemon.start()
            assert states(client)[-1]["bootId"] != online["bootId"]
    finally:
        daemon.stop()


def test_capabilities_say_what_the_device_can_do(client: Client) -> None:
    client.subscribe(f"{client.root}/capabilities")
    message = client.wait_for("capabilities", lambda m: m.topic.endswith("/capabilities"))
    assert message.retain
    found = json.loads(message.payload)
    assert found["device"] == client.device and found["groups"] == ["line-1"]
    trainers = {entry["learnBlockType"]: entry for entry in found["trainers"].values()}
    assert trainers["anomaly"]["available"] and trainers["anomaly-gmm"]["available"]
    assert all(entry["available"] or entry["reason"] for entry in trainers.values())
    assert found["variants"]["int8"]["available"] and found["variants"]["float32"]["available"]
    assert not found["variants"]["akida"]["available"] and found["variants"]["akida"]["reason"]
    assert found["limits"]["maxBodyBytes"] == 256 * 1024
    assert found["machine"]["cores"] >= 1
    # The same in one reply.
    assert client.request("get", "status").body["capabilities"] == found


def test_status_tells_the_state_that_is_retained(client: Client) -> None:
    client.subscribe(f"{client.root}/state")
    retained = client.wait_for("the state", lambda message: message.topic == f"{client.root}/state")
    assert client.request("get", "status").body["state"] == json.loads(retained.payload)


def test_everything_retained_comes_back_after_the_broker_lost_everything(
    own_broker: Broker, own_daemon: Daemon
) -> None:
    with own_daemon.client() as client:
        set_up_project(client)
        client.subscribe(f"{client.root}/jobs/#")
        wait_for_end(client, train(client))
        before = retained(client)
        assert {"state", "capabilities"} <= set(before)
        assert any(topic.endswith("/status") for topic in before)
    own_broker.kill()
    own_broker.start()
    own_daemon.wait_online()
    with own_daemon.client() as client:
        after = retained(client)
    online = json.loads(before.pop("state"))
    again = json.loads(after.pop("state"))
    assert again["sessionId"] != online["sessionId"] and again["bootId"] == online["bootId"]
    assert after == before


def test_an_operator_is_told_when_the_broker_forgot_the_session(stand_in: StandInBroker) -> None:
    """Of a real broker that restarts, an operator may come back later than the device."""
    stand_in.reconnect(session_present=True)
    stand_in.reconnect(session_present=False)
    assert stand_in.next_message(f"{stand_in.root}/events/broker-session-lost")["sessionId"]
    stand_in.reconnect(session_present=True)
    stand_in.next_message(f"{stand_in.root}/capabilities")
    assert stand_in.waiting(f"{stand_in.root}/events/broker-session-lost") == 0


def test_a_request_sent_while_the_device_is_away_waits_for_it(daemon: Daemon) -> None:
    daemon.kill()
    with daemon.client() as client:
        topic = f"{client.reply_topic}/later"
        client.publish(f"{client.root}/get/status", b"", properties=properties(ResponseTopic=topic))
        daemon.start()
        client.wait_for("the reply", lambda m: m.topic == topic)


def test_retained_requests_are_refused_and_not_executed(client: Client) -> None:
    path = "api/77/impulse"
    topic = f"{client.reply_topic}/retained"
    client.publish(
        f"{client.root}/post/{path}",
        b"{}",
        retain=True,
        properties=properties(ResponseTopic=topic, CorrelationData=b"r"),
    )
    try:
        reply = client.wait_for("a refusal", lambda m: m.topic == topic)
        refusal = json.loads(reply.payload)
        assert refusal["code"] == "bad_request" and "retain" in refusal["error"]
        assert client.request("get", path).status == 404
    finally:
        client.publish(f"{client.root}/post/{path}", b"", retain=True)


@pytest.mark.parametrize("version", [5, 3])
def test_a_retained_request_found_on_connecting_is_not_executed(
    broker: Broker, tmp_path: Path, version: int
) -> None:
    daemon = Daemon(tmp_path, broker.port, device=f"retained-{version}", version=version)
    with daemon.client() as client:
        topic = f"{client.root}/post/api/1/impulse"
        client.publish(topic, json.dumps(IMPULSE), retain=True)
        try:
            daemon.start()
            reply = ask(daemon, client)
            assert reply["success"] is False
        finally:
            client.publish(topic, b"", retain=True)
            daemon.stop()


def ask(daemon: Daemon, client: Client) -> dict[str, Any]:
    """The impulse of project 1, wherever the reply to it goes."""
    if daemon.version == 5:
        body: dict[str, Any] = client.request("get", "api/1/impulse").body
        return body
    client.subscribe(f"{client.root}/reply/get/#")
    client.publish(f"{client.root}/get/api/1/impulse", b"")
    message: paho.MQTTMessage = client.wait_for("a reply", lambda m: "/reply/get/" in m.topic)
    wrapped: dict[str, Any] = json.loads(message.payload)["body"]
    return wrapped


def test_what_was_forgotten_while_the_broker_was_away_is_cleared_there(
    own_broker: Broker, tmp_path: Path
) -> None:
    persistent = Broker(
        tmp_path / "broker", settings=(SAME_USER, "persistence true", f"persistence_location {tmp_path}/")
    )
    own_broker.stop()
    persistent.start()
    daemon = Daemon(tmp_path, persistent.port, device="forgetful", config="[jobs]\nkeep = 1\n")
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_project(client)
            client.subscribe(f"{client.root}/jobs/#")
            first = train(client)
            wait_for_end(client, first)
            second = train(client)
            client.wait_for("its clearing", lambda m: m.topic.endswith(f"/{first}/status") and not m.payload)
            wait_for_end(client, second)
            assert [t for t in retained(client) if t.endswith("/status")] == [f"jobs/{second}/status"]
        persistent.stop()
        local = LocalClient(daemon.socket)
        local.open()
        status, body = local.request(
            "post", "api/1/jobs/train/anomaly/8", {"axes": [0], "minimumConfidenceRating": 0.3}
        )
        assert status == 200
        third = body["id"]
        wait_until(
            "its end", lambda: local.request("get", f"api/1/jobs/{third}/status")[1]["job"]["finished"]
        )
        local.close()
        persistent.start()

        def remembered() -> list[str]:
            with daemon.client() as client:
                return [topic for topic in retained(client) if topic.endswith("/status")]

        wait_until("the second job's clearing", lambda: remembered() == [f"jobs/{third}/status"])
    finally:
        daemon.stop()
        persistent.stop()


def test_it_stops_at_once_beside_a_broker_that_does_not_answer(tmp_path: Path) -> None:
    """Less than the time after which systemd, or this suite, would kill it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        daemon = Daemon(tmp_path, silent.getsockname()[1], device="unanswered")
        daemon.start(wait=False)
        connection, _ = silent.accept()
        assert connection.recv(1), "no CONNECT"
        assert daemon.stop() == 0
        # What it said before it went: nothing was left to be cut off.
        said = b"".join(iter(lambda: connection.recv(4096), b""))
        assert said.endswith(b"\xe0\x00"), "no DISCONNECT"
        connection.close()
