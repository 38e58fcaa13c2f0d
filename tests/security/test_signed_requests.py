"""A daemon that wants signatures, asked with right ones, wrong ones, old ones and none."""

from __future__ import annotations

import base64
import copy
import json
import time
from pathlib import Path
from typing import Any

import cbor2
import pytest

from daemon.local_api import LocalClient
from tests.harness import Broker, Client, Daemon, Reply
from tests.scenario import TRAIN, train_path
from tests.security.conftest import DEPLOYER, GROUP, OPS, guard, set_up_signed
from tests.security.signer import Signer

SETTINGS = "api/1/training/anomaly/7"
BODY: dict[str, Any] = {"clusterCount": 4, "axes": [0, 1]}


def post(client: Client, body: dict[str, Any] | bytes, path: str = SETTINGS, **options: Any) -> Reply:
    return client.request("post", path, body, **options)


def assert_refused(reply: Reply, code: str) -> None:
    assert (reply.status, reply.body["code"]) == (403, code), reply.body


def test_a_signed_post_is_served_and_an_unsigned_one_is_not(client: Client) -> None:
    assert post(client, OPS.sign(SETTINGS, BODY, device=client.device)).status == 200
    refused = post(client, BODY)
    assert_refused(refused, "signature_missing")
    assert "train" in refused.body["error"]


def test_a_get_needs_no_signature_but_a_wrong_one_is_told(client: Client) -> None:
    assert client.request("get", SETTINGS).status == 200
    signed = OPS.sign(SETTINGS, {}, device=client.device, method="get")
    # A get changes nothing, so its counter is not counted either.
    assert (
        client.request("get", SETTINGS, signed).status
        == client.request("get", SETTINGS, signed).status
        == 200
    )
    signed["auth"]["counter"] += 1
    assert_refused(client.request("get", SETTINGS, signed), "signature_invalid")


def flip(signature: str) -> str:
    decoded = bytearray(base64.b64decode(signature))
    decoded[5] ^= 1
    return base64.b64encode(decoded).decode()


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("keyId", lambda _: DEPLOYER.key_id),
        ("keyId", lambda _: "nobody"),
        ("counter", lambda counter: counter + 1),
        ("expires", lambda expires: expires + 1),
        ("signature", flip),
        ("signature", lambda signature: signature[:-4]),
        ("signature", lambda _: ""),
        ("signature", lambda _: "§"),
    ],
)
def test_no_member_of_auth_can_be_changed(client: Client, member: str, change: Any) -> None:
    body = OPS.sign(SETTINGS, BODY, device=client.device)
    body["auth"][member] = change(body["auth"][member])
    assert_refused(post(client, body), "signature_invalid")


@pytest.mark.parametrize(
    "tampered",
    [
        {"clusterCount": 5, "axes": [0, 1]},
        {"clusterCount": 4, "axes": [1, 0]},
        {"clusterCount": 4},
        {"clusterCount": 4, "axes": [0, 1], "minimumConfidenceRating": 0.5},
        {"clusterCount": 4, "axes": [0, 1], "requestId": "another"},
        {"clusterCount": 4, "axes": [0, 1], "thresholds": None},
    ],
)
def test_no_member_of_the_body_can_be_changed(client: Client, tampered: dict[str, Any]) -> None:
    auth = OPS.sign(SETTINGS, BODY, device=client.device)["auth"]
    assert_refused(post(client, {**tampered, "auth": auth}), "signature_invalid")


def test_neither_device_nor_path_nor_method_can_be_changed(client: Client) -> None:
    assert_refused(post(client, OPS.sign(SETTINGS, BODY, device="another")), "signature_invalid")
    assert_refused(post(client, OPS.sign(SETTINGS, BODY, group=client.device)), "signature_invalid")
    other = OPS.sign("api/1/training/anomaly/8", BODY, device=client.device)
    assert_refused(post(client, other), "signature_invalid")
    as_get = OPS.sign(SETTINGS, BODY, device=client.device, method="get")
    assert_refused(post(client, as_get), "signature_invalid")


def test_the_body_may_be_written_in_another_way(client: Client) -> None:
    body = OPS.sign(
        SETTINGS, {"axes": [0, 1], "clusterCount": 4, "minimumConfidenceRating": None}, device=client.device
    )
    auth = json.dumps(body["auth"])
    text = (
        f'{{"minimumConfidenceRating" : null, "auth": {auth}, "\\u0061xes": [0, 1.0], "clusterCount": 4e0}}'
    )
    assert client.request("post", SETTINGS, text.encode()).status == 200


def test_a_mistyped_auth_is_told_with_its_place(client: Client) -> None:
    body = OPS.sign(SETTINGS, BODY, device=client.device)
    body["auth"]["keyid"] = body["auth"].pop("keyId")
    reply = post(client, body)
    assert (reply.status, reply.body["code"]) == (400, "invalid_member")
    assert "auth.keyid" in reply.body["error"] and "keyId" in reply.body["error"]
    assert post(client, {**BODY, "auth": "ops-1"}).status == 400


def test_an_expired_request_is_refused(client: Client) -> None:
    late = OPS.sign(SETTINGS, BODY, device=client.device, expires=int(time.time()) - 5)
    reply = post(client, late)
    assert_refused(reply, "request_expired")
    assert "clock" in reply.body["error"]


def test_a_counter_serves_once_and_refused_requests_do_not_use_it(client: Client) -> None:
    signer, device = OPS, client.device
    first = signer.sign(SETTINGS, BODY, device=device)
    assert post(client, first).status == 200
    replayed = post(client, first)
    assert_refused(replayed, "request_replayed")
    assert str(first["auth"]["counter"]) in replayed.body["error"]
    same = signer.sign(SETTINGS, {"clusterCount": 9}, device=device, counter=first["auth"]["counter"])
    assert_refused(post(client, same), "request_replayed")
    wrong = signer.sign(SETTINGS, {"clusterCount": -1}, device=device)
    assert post(client, wrong).status == 400
    mended = signer.sign(SETTINGS, BODY, device=device, counter=wrong["auth"]["counter"])
    assert post(client, mended).status == 200


def test_each_key_counts_by_itself(client: Client) -> None:
    rollback = "api/1/models/7/rollback"
    high = OPS.sign(SETTINGS, BODY, device=client.device)
    assert post(client, high).status == 200
    # There is no model to roll back to, but the request is let in.
    low = DEPLOYER.sign(rollback, {}, device=client.device, counter=1)
    assert post(client, low, rollback).status == 404


def test_a_repeated_request_gets_its_answer_again(client: Client) -> None:
    body = OPS.sign(train_path(), TRAIN, device=client.device)
    first = post(client, body, train_path(), request_id="the same")
    assert first.status == 200
    # Even after requests with higher counters.
    assert post(client, OPS.sign(SETTINGS, BODY, device=client.device)).status == 200
    assert post(client, body, train_path(), request_id="the same").body == first.body
    # Whoever overheard it cannot start it under another name.
    assert_refused(post(client, body, train_path(), request_id="another"), "request_replayed")


def test_a_key_serves_for_its_roles_only(client: Client) -> None:
    reply = post(client, DEPLOYER.sign(SETTINGS, BODY, device=client.device))
    assert_refused(reply, "role_missing")
    assert "train" in reply.body["error"]


def test_a_request_to_a_group_is_signed_for_the_group(client: Client) -> None:
    assert post(client, OPS.sign(SETTINGS, BODY, group=GROUP), group=GROUP).status == 200
    assert_refused(post(client, OPS.sign(SETTINGS, BODY, group="line-2"), group=GROUP), "signature_invalid")
    to_device = OPS.sign(SETTINGS, BODY, device=client.device)
    assert_refused(post(client, to_device, group=GROUP), "signature_invalid")
    # One counter for both: what was sent to the group is not replayed before or after.
    assert post(client, to_device).status == 200


def test_deploying_to_a_group_must_be_configured(tmp_path: Path, client: Client) -> None:
    rollback = "api/1/models/7/rollback"
    signed = DEPLOYER.sign(rollback, {}, group=GROUP)
    assert_refused(post(client, signed, rollback, group=GROUP), "forbidden")
    # On a broker of its own: on the other one the device above would answer too.
    broker = Broker(tmp_path)
    config = guard(tmp_path, DEPLOYER, more='group_roles = ["train", "deploy"]\n')
    try:
        broker.start()
        daemon = Daemon(tmp_path, broker.port, device="group-deploy", group=GROUP, config=config)
        try:
            daemon.start()
            with daemon.client() as other:
                assert post(other, signed, rollback, group=GROUP).status == 404
                assert_refused(post(other, {}, "api/1/training/data", group=GROUP), "forbidden")
        finally:
            daemon.stop()
    finally:
        broker.stop()


def test_the_counter_survives_a_power_cut(broker: Broker, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, broker.port, device="cut-off", config=guard(tmp_path, OPS))
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_signed(client)
            body = OPS.sign(SETTINGS, BODY, device="cut-off")
            assert post(client, body, request_id="known").status == 200
            daemon.kill()
            daemon.start()
            assert_refused(post(client, body), "request_replayed")
            assert post(client, body, request_id="known").status == 200
            assert post(client, OPS.sign(SETTINGS, BODY, device="cut-off")).status == 200
            # The answer of a refusal is not kept, nor is its counter.
            again = OPS.sign(SETTINGS, BODY, device="cut-off", counter=body["auth"]["counter"])
            assert_refused(post(client, again), "request_replayed")
    finally:
        daemon.stop()


def test_on_mqtt_3_signatures_are_checked_alike(broker: Broker, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, broker.port, device="guarded-3", version=3, config=guard(tmp_path, OPS))
    path = "api/1/impulse"
    try:
        daemon.start()
        with daemon.client(version=3) as client:
            signed = OPS.sign(path, {"inputBlocks": [], "requestId": "mine"}, device="guarded-3")
            client.publish(f"{client.root}/post/{path}", json.dumps({"inputBlocks": [], "requestId": "bare"}))
            client.publish(f"{client.root}/post/{path}", json.dumps(signed))

            def wrapped(mark: str) -> tuple[int, str]:
                message = client.wait_for(
                    mark, lambda m: "/reply/" in m.topic and json.loads(m.payload)["requestId"] == mark
                )
                reply = json.loads(message.payload)
                return reply["status"], reply["body"]["code"]

            assert wrapped("bare") == (403, "signature_missing")
            # Let in, and then refused for what is in it.
            assert wrapped("mine") == (400, "invalid_member")
    finally:
        daemon.stop()


def test_the_local_socket_needs_no_signature_but_a_wrong_one_is_told(guarded: Daemon) -> None:
    local = LocalClient(guarded.socket)
    local.open()
    try:
        assert local.request("post", SETTINGS, BODY)[0] == 200
        assert local.request("post", SETTINGS, OPS.sign(SETTINGS, BODY, device="guarded"))[0] == 200
        status, body = local.request("post", SETTINGS, OPS.sign(SETTINGS, BODY, device="other"))
        assert (status, body["code"]) == (403, "signature_invalid")
    finally:
        local.close()


def test_only_some_roles_need_a_signature_where_so_configured(broker: Broker, tmp_path: Path) -> None:
    config = guard(tmp_path, OPS, required='["deploy"]')
    daemon = Daemon(tmp_path, broker.port, device="some-roles", config=config)
    rollback = "api/1/models/7/rollback"
    try:
        daemon.start()
        with daemon.client() as client:
            assert post(client, {}, "api/1/impulse").status == 400
            assert_refused(post(client, {}, rollback), "signature_missing")
            assert post(client, OPS.sign(rollback, {}, device="some-roles"), rollback).status == 404
            capabilities = client.request("get", "status").body["capabilities"]
            assert capabilities["auth"] == {"required": ["deploy"], "groupRoles": ["train", "data"]}
    finally:
        daemon.stop()


def test_a_key_that_is_taken_away_counts_no_longer_and_a_broken_file_lets_nobody_in(
    broker: Broker, tmp_path: Path
) -> None:
    other = Signer("ops-2", OPS.roles)
    daemon = Daemon(tmp_path, broker.port, device="rotated", config=guard(tmp_path, OPS, other))
    rollback = "api/1/models/7/rollback"
    try:
        daemon.start()
        with daemon.client() as client:
            assert post(client, OPS.sign(rollback, {}, device="rotated"), rollback).status == 404
            (tmp_path / "keys.toml").write_text(other.entry())
            assert_refused(
                post(client, OPS.sign(rollback, {}, device="rotated"), rollback), "signature_invalid"
            )
            assert post(client, other.sign(rollback, {}, device="rotated"), rollback).status == 404
            (tmp_path / "keys.toml").chmod(0o666)
            reply = post(client, other.sign(rollback, {}, device="rotated"), rollback)
            assert (reply.status, reply.body["code"]) == (503, "unavailable")
            assert "keys.toml" in daemon.log() and "keys.toml" not in reply.body["error"]
    finally:
        daemon.stop()


def test_without_a_keys_file_unsigned_requests_pass_and_signed_ones_do_not(
    broker: Broker, tmp_path: Path
) -> None:
    daemon = Daemon(tmp_path, broker.port, device="open")
    try:
        daemon.start()
        with daemon.client() as client:
            assert post(client, {}, "api/1/impulse").status == 400
            assert_refused(
                post(client, OPS.sign("api/1/impulse", {}, device="open"), "api/1/impulse"),
                "signature_invalid",
            )
    finally:
        daemon.stop()


def test_a_body_in_cbor_is_signed_as_the_same_json(client: Client) -> None:
    signed = OPS.sign(SETTINGS, BODY, device=client.device)
    assert client.request("post", SETTINGS, cbor2.dumps(signed)).status == 200
    signed = OPS.sign(SETTINGS, BODY, device=client.device)
    assert_refused(post(client, cbor2.dumps({**signed, "clusterCount": 5})), "signature_invalid")


def test_a_recording_that_must_stay_as_it_is_is_signed_beside(client: Client) -> None:
    path = "api/31/training/data"
    meant: dict[str, Any] = {
        "payload": {
            "device_type": "microphone",
            "interval_ms": 0.0625,
            "sensors": [{"name": "audio", "units": "wav"}],
            "values": ["Ref-Binary-i16", base64.b64encode(b"\x01\x00\x02\x00").decode()],
        },
        "label": "hum",
    }
    sent: dict[str, Any] = copy.deepcopy({"payload": meant["payload"]})
    sent["payload"]["values"] = ["Ref-Binary-i16"]
    # The array of the reference is the last thing in the object: one byte more ends it.
    recording = cbor2.dumps(sent) + b"\xff"

    def send(recording: bytes, **beside: str) -> Reply:
        auth = json.dumps(OPS.sign(path, meant, device=client.device)["auth"])
        return client.request("post", path, recording, beside={"auth": auth, **beside})

    assert send(recording + b"\x01\x00\x02\x00", label="hum").status == 200
    assert_refused(send(recording + b"\x01\x00\x02\x01", label="hum"), "signature_invalid")
    assert_refused(send(recording + b"\x01\x00\x02\x00", label="anomaly"), "signature_invalid")
    assert_refused(send(recording + b"\x01\x00\x02\x00"), "signature_invalid")
