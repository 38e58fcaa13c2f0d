"""What the access rules and the TLS settings of examples/mosquitto let pass, on a real broker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import PATIENCE, Client, Daemon, wait_until
from tests.scenario import set_up_project, train, train_path, wait_for_end
from tests.security.walled_broker import EXAMPLES, WalledBroker, certificates

DEVICE, THIEF = "press-3", "press-4"
REPLY = f"trainerd/reply/controller/{DEVICE}"


@pytest.fixture(scope="module")
def walled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalledBroker]:
    broker = WalledBroker(tmp_path_factory.mktemp("walled"))
    broker.set_up([DEVICE, THIEF, "lost"], ["controller", "dashboard"])
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture(scope="module")
def device(walled: WalledBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """The real daemon, with its certificate, online."""
    directory = tmp_path_factory.mktemp("device")
    daemon = Daemon(directory, walled.device_port, device=DEVICE, config=walled.device_config(DEVICE))
    try:
        daemon.start(wait=False)
        with walled.client("controller", DEVICE) as controller:
            wait_for_state(controller, "online", daemon)
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def controller(walled: WalledBroker, device: Daemon) -> Iterator[Client]:
    with walled.client("controller", DEVICE) as client:
        yield client


@pytest.fixture
def thief(walled: WalledBroker) -> Iterator[Client]:
    """Another device, or whoever has its certificate."""
    with walled.client(THIEF, DEVICE, port=walled.device_port) as client:
        yield client


def wait_for_state(client: Client, state: str, daemon: Daemon) -> None:
    client.subscribe(f"{client.root}/state")
    try:
        client.wait_for(
            state, lambda m: m.topic == f"{client.root}/state" and json.loads(m.payload)["state"] == state
        )
    except AssertionError as error:
        raise AssertionError(f"{error}\n{daemon.log()}") from None


def refusal(client: Client, topic: str, payload: bytes = b"{}", *, retain: bool = False) -> bool:
    """Whether the broker refuses a publication."""
    reasons: list[bool] = []
    client.paho.on_publish = lambda _client, _data, _mid, reason, _properties: reasons.append(
        reason.is_failure
    )
    client.publish(topic, payload, retain=retain)
    wait_until("the acknowledgement", lambda: reasons)
    return reasons[0]


def test_a_device_with_its_certificate_comes_online_trains_and_replies(controller: Client) -> None:
    controller.subscribe(f"{controller.root}/jobs/#")
    set_up_project(controller)
    job = wait_for_end(controller, train(controller))
    assert job["state"] == "SUCCEEDED", job
    listed = controller.request("get", "api/1/models/7")
    assert listed.status == 200 and listed.body["current"] == 1


def test_without_response_topic_the_controller_hears_the_device_s_own_reply_topic(controller: Client) -> None:
    controller.subscribe(f"{controller.root}/reply/#")
    controller.publish(f"{controller.root}/get/api/1/impulse", b"")
    controller.wait_for("a reply", lambda m: m.topic == f"{controller.root}/reply/get/api/1/impulse")


def test_a_request_to_a_group_reaches_its_member(controller: Client) -> None:
    reply = controller.request("post", "api/1/impulse", {}, group="line-1")
    assert reply.status == 400 and reply.body["code"] == "invalid_member"


def test_a_device_hears_nothing_of_another(controller: Client, thief: Client) -> None:
    # Mosquitto grants the subscriptions, and then delivers nothing.
    for topic in (f"trainerd/{DEVICE}/#", "trainerd/+/post/#", "trainerd/group/#", "trainerd/reply/#", "#"):
        thief.subscribe(topic)
    own = f"trainerd/{THIEF}/post/api/1/impulse"
    assert controller.request("post", "api/1/impulse", {"inputBlocks": []}).status == 400
    assert controller.request("post", "api/1/impulse", {"inputBlocks": []}, group="line-1").status == 400
    # What the thief may hear comes after all of that.
    controller.publish(own, b"{}")
    thief.wait_for("a request of its own", lambda message: message.topic == own)
    assert {message.topic for message in thief.seen} == {own}


@pytest.mark.parametrize(
    "topic",
    [
        f"trainerd/{DEVICE}/state",
        f"trainerd/{DEVICE}/capabilities",
        f"trainerd/{DEVICE}/jobs/1/status",
        f"trainerd/{DEVICE}/projects/1/models/7",
        f"trainerd/{DEVICE}/events/drift",
        f"trainerd/{DEVICE}/reply/get/status",
        f"trainerd/{DEVICE}/get/status",
        f"trainerd/{DEVICE}/get/self-ping",
        f"trainerd/{DEVICE}/post/{train_path()}",
        f"trainerd/{THIEF}/get/status",
        f"trainerd/{THIEF}/get/self-ping/more",
        f"trainerd/{THIEF}/post/{train_path()}",
        f"trainerd/group/line-1/post/{train_path()}",
        "trainerd/state",
        "elsewhere",
    ],
)
def test_a_device_can_neither_spoof_nor_command(thief: Client, topic: str) -> None:
    assert refusal(thief, topic)


def test_a_device_may_publish_under_its_own_name_and_reply(thief: Client) -> None:
    assert not refusal(thief, f"trainerd/{THIEF}/state")
    assert not refusal(thief, f"trainerd/{THIEF}/get/self-ping", b"nonce")
    assert not refusal(thief, f"trainerd/reply/controller/{THIEF}/1")


def test_a_device_cannot_take_the_place_of_another(
    walled: WalledBroker, device: Daemon, controller: Client
) -> None:
    taken = f"trainerd-{DEVICE}"
    with walled.client(THIEF, DEVICE, port=walled.device_port, client_id=taken) as impostor:
        wait_until("the impostor to be connected", impostor.paho.is_connected)
        assert controller.request("get", "status").status == 200
    assert "is lost" not in device.log()


def test_a_dashboard_looks_and_asks_nothing(walled: WalledBroker, device: Daemon, controller: Client) -> None:
    with walled.client("dashboard", DEVICE) as dashboard:
        wait_for_state(dashboard, "online", device)
        dashboard.subscribe("#")
        assert controller.request("get", "status").status == 200
        assert refusal(dashboard, f"trainerd/{DEVICE}/get/status")
        controller.publish(f"trainerd/{THIEF}/post/x", b"{}")
        dashboard.wait_for("capabilities", lambda message: message.topic.endswith("/capabilities"))
        levels = {tuple(message.topic.split("/")[2:3]) for message in dashboard.seen}
        assert levels <= {("state",), ("capabilities",), ("jobs",), ("projects",), ("events",)}


def connects(walled: WalledBroker, name: str | None, port: int) -> bool:
    """Whether the broker takes a publication from whoever has a certificate, or has none."""
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", f"trainerd/{name}/state"]
    command += ["-m", "{}", "--cafile", str(walled.certs / "devices-ca.crt")]
    if name is not None:
        command += ["--cert", str(walled.certs / f"{name}.crt"), "--key", str(walled.certs / f"{name}.key")]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE).returncode == 0


def test_certificates_open_their_own_door_only(walled: WalledBroker) -> None:
    assert connects(walled, THIEF, walled.device_port)
    assert connects(walled, "controller", walled.controller_port)
    assert not connects(walled, THIEF, walled.controller_port)
    assert not connects(walled, "controller", walled.device_port)
    assert not connects(walled, None, walled.device_port)
    assert not connects(walled, None, walled.controller_port)


def test_a_device_on_mqtt_3_is_served_by_the_same_rules(walled: WalledBroker, tmp_path: Path) -> None:
    config = walled.device_config("lost")
    daemon = Daemon(tmp_path, walled.device_port, device="lost", version=3, config=config)
    try:
        daemon.start(wait=False)
        with walled.client("controller", "lost") as client:
            wait_for_state(client, "online", daemon)
            client.subscribe(f"{client.root}/reply/#")
            client.publish(f"{client.root}/get/status", b"")
            client.wait_for("a reply", lambda m: m.topic == f"{client.root}/reply/get/status")
    finally:
        daemon.stop()


def test_a_device_refuses_a_broker_of_another_authority(walled: WalledBroker, tmp_path: Path) -> None:
    config = walled.device_config("lost").replace("devices-ca.crt", "controllers-ca.crt")
    daemon = Daemon(tmp_path, walled.device_port, device="lost", config=config)
    try:
        daemon.start(wait=False)
        wait_until("its complaint", lambda: "CERTIFICATE_VERIFY_FAILED" in daemon.log())
    finally:
        assert daemon.stop() == 0


def test_the_certificates_are_strictly_right(walled: WalledBroker) -> None:
    # Newer Pythons check as strictly.
    for authority, names in (("devices", ("broker", DEVICE)), ("controllers", ("controller",))):
        command = ["openssl", "verify", "-x509_strict", "-CAfile", str(walled.certs / f"{authority}-ca.crt")]
        subprocess.run([*command, *(str(walled.certs / f"{name}.crt") for name in names)], check=True)
    for key in walled.certs.glob("*.key"):
        assert key.stat().st_mode & 0o077 == 0, key


def test_a_certificate_cannot_be_named_like_a_level_of_the_topics(walled: WalledBroker) -> None:
    for name in ("group", "reply", "a/b", "+", "#"):
        done = subprocess.run(
            ["bash", str(EXAMPLES / "certificates.sh"), "client", "devices", name],
            cwd=walled.certs,
            capture_output=True,
        )
        assert done.returncode == 2 and b"usage" not in done.stdout


def test_a_stolen_device_is_shut_out_and_replies_can_be_bound_to_their_device(tmp_path: Path) -> None:
    broker = WalledBroker(tmp_path, tight_replies=True)
    broker.set_up([DEVICE, THIEF], ["controller"])
    try:
        broker.start()
        with broker.client(THIEF, DEVICE, port=broker.device_port) as thief:
            assert refusal(thief, f"trainerd/reply/controller/{DEVICE}/1")
            assert not refusal(thief, f"trainerd/reply/controller/{THIEF}/1")
            assert not refusal(thief, "trainerd/reply/controller/group/1")
        certificates(broker.certs, "revoke", "devices", THIEF)
        broker.stop()
        broker.start()
        assert not connects(broker, THIEF, broker.device_port)
        assert connects(broker, DEVICE, broker.device_port)
    finally:
        broker.stop()
