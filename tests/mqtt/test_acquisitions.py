"""Acquisition objects as devices send them: in CBOR, with binary values behind, signed with HMAC-SHA256.

The other side is cbor2 and the standard library's hmac; nothing of the daemon makes or signs an object here.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest

from tests.cli.command import trainerd
from tests.harness import Broker, Client, Daemon, Reply
from tests.scenario import acquisition

KEY = "fed53116f20684c067774ebf9e7bcbdc"
#: What Edge Impulse's public specification of the format shows, signature included, for the key above.
PUBLISHED = bytes.fromhex(
    "a36970726f746563746564a36376657262763163616c67654853323536636961741a5d3add3d697369676e61747572657840"
    "6230656530353732613139383462393362366263353665363537366532636262643662636364363564306333353665323662"
    "3331626263396134383231306336677061796c6f6164a56b6465766963655f6e616d657161633a38373a61333a30613a3264"
    "3a31626b6465766963655f7479706573444953434f2d4c34373556472d494f543031416b696e74657276616c5f6d730a6773"
    "656e736f727383a2646e616d65646163635865756e697473646d2f7332a2646e616d65646163635965756e697473646d2f73"
    "32a2646e616d65646163635a65756e697473646d2f73326676616c7565739f83fac11cf5c3fa3cf5c28ffa3f9ae14883fac1"
    "1d47aefa3d23d70afa3fa3d70a83fac111eb85fa3cf5c28ffa3f9d70a483fac1123d71fa3c23d70af93d00ff"
)


@pytest.fixture(scope="module")
def press(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon whose project 2 has a key, and whose project 4 has one that cannot be read."""
    directory = tmp_path_factory.mktemp("acquisitions")
    (directory / "hmac.key").write_text(f"{KEY}\n")
    config = (
        f'[data.projects.2]\nkey_file = "{directory / "hmac.key"}"\n'
        f'[data.projects.4]\nkey_file = "{directory / "missing.key"}"\n'
    )
    daemon = Daemon(directory, broker.port, device="acquisitions", config=config)
    try:
        yield daemon.start()
    finally:
        daemon.stop()


@pytest.fixture
def client(press: Daemon) -> Iterator[Client]:
    with press.client() as connected:
        yield connected


def signed(encoded: bytes, key: str = KEY) -> bytes:
    """The object with its signature in the place of the 64 zeros."""
    assert encoded.count(b"0" * 64) == 1
    digest = hmac.new(key.encode(), encoded, hashlib.sha256).hexdigest()
    return encoded.replace(b"0" * 64, digest.encode())


def to_sign(**members: Any) -> dict[str, Any]:
    body = {
        "protected": {"ver": "v1", "alg": "HS256", "iat": 1564128599},
        "signature": "0" * 64,
        "payload": acquisition([[1, 2, 3], [4, 5, 6]])["payload"],
    }
    return {**body, **members}


def send(client: Client, project: int, payload: bytes, **options: Any) -> Reply:
    return client.request("post", f"api/{project}/training/data", payload, **options)


def latest(client: Client, project: int) -> dict[str, Any]:
    path = f"api/{project}/raw-data"
    total = client.request("get", path, {"category": "training", "limit": 0}).body["totalCount"]
    body = {"category": "training", "offset": total - 1}
    sample: dict[str, Any] = client.request("get", path, body).body["samples"][0]
    return sample


def values(press: Daemon, sample: int) -> list[float]:
    """The stored values of the recording that begins with a sample."""
    connection = sqlite3.connect(f"file:{press.state_dir / 'trainerd.db'}?mode=ro", uri=True)
    (data,) = connection.execute("SELECT data FROM recording WHERE id = ?", (sample,)).fetchone()
    connection.close()
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def test_the_published_object_is_taken_with_its_signature(press: Daemon, client: Client) -> None:
    series = send(client, 2, PUBLISHED)
    assert series.status == 200, series.body
    sample = latest(client, 2)
    assert (sample["signatureMethod"], sample["signatureValidate"]) == ("HS256", True)
    assert [sensor["name"] for sensor in sample["sensors"]] == ["accX", "accY", "accZ"]
    assert values(press, series.body["sampleId"])[:3] == pytest.approx([-9.81, 0.03, 1.21], abs=1e-6)
    for changed in (PUBLISHED.replace(b"\xf9\x3d\x00", b"\xf9\x3d\x01"), PUBLISHED.replace(b"accX", b"accW")):
        refused = send(client, 2, changed)
        assert (refused.status, refused.body["code"]) == (403, "signature_invalid")
    client.request("post", "api/2/raw-data/delete-all", {})


@pytest.mark.parametrize("encode", [lambda body: json.dumps(body).encode(), cbor2.dumps])
def test_a_signed_object_is_checked_over_the_bytes_that_came(client: Client, encode: Any) -> None:
    good = signed(encode(to_sign()))
    assert send(client, 2, good).status == 200
    assert latest(client, 2)["signatureValidate"] is True
    # The same members in other bytes are not what was signed.
    body = (cbor2.loads if good[0] >= 0xA0 else json.loads)(good)
    again = json.dumps(body, indent=1).encode()
    refused = send(client, 2, again)
    assert (refused.status, refused.body["code"]) == (403, "signature_invalid")
    assert "64 zeros in the signature's place" in refused.body["error"]
    assert send(client, 2, signed(encode(to_sign()), key="another")).status == 403
    assert send(client, 2, good.replace(b"HS256", b"HS257")).status == 400


@pytest.mark.parametrize("protected", [None, {"ver": "v1", "alg": "none"}])
def test_an_unsigned_object_is_refused_where_the_project_has_a_key(
    client: Client, protected: dict[str, str] | None
) -> None:
    body = to_sign(protected=protected)
    for payload in (json.dumps(body).encode(), cbor2.dumps(body)):
        refused = send(client, 2, payload)
        assert (refused.status, refused.body["code"]) == (403, "signature_missing")
        assert "protected.alg is HS256" in refused.body["error"]
        assert send(client, 1, payload).status == 200


def test_what_cannot_be_checked_says_so(client: Client) -> None:
    assert send(client, 3, signed(json.dumps(to_sign()).encode())).status == 200
    sample = latest(client, 3)
    assert (sample["signatureMethod"], sample["signatureValidate"]) == ("HS256", False)
    assert send(client, 3, json.dumps(to_sign(protected=None)).encode()).status == 200
    assert latest(client, 3)["signatureMethod"] is None
    for wrong in (None, "0" * 63, "g" * 64):
        refused = send(client, 3, json.dumps(to_sign(signature=wrong)).encode())
        assert (refused.status, refused.body["error"].split(":")[0]) == (400, "signature")
    unreadable = send(client, 4, signed(json.dumps(to_sign()).encode()))
    assert (unreadable.status, unreadable.body["code"]) == (503, "unavailable")
    assert "the key of project 4 cannot be read" in unreadable.body["error"]


def test_a_signature_that_stands_in_two_places_is_refused(client: Client) -> None:
    good = json.loads(signed(json.dumps(to_sign()).encode()))
    refused = send(client, 2, json.dumps({**good, "label": good["signature"]}).encode())
    assert refused.status == 403 and "exactly once" in refused.body["error"]


def with_binary(kind: str, raw: bytes, *, indefinite: bool = True, sensors: int = 1) -> bytes:
    """An object in CBOR with binary values behind it, as microcontrollers write one."""
    body = to_sign()
    body["payload"]["interval_ms"] = 0.0625
    body["payload"]["sensors"] = [{"name": f"audio{n}", "units": "wav"} for n in range(sensors)]
    body["payload"].pop("values")
    reference = cbor2.dumps(kind)
    array = b"\x9f" + reference if indefinite else b"\x81" + reference
    body["payload"]["values"] = []
    encoded = cbor2.dumps(body)
    assert encoded.endswith(b"\x80")
    return signed(encoded[:-1] + array + b"\xff" + raw)


@pytest.mark.parametrize(
    ("kind", "layout", "numbers"),
    [
        ("Ref-BINARY-i16", "<4h", [0, -1, 32767, -32768]),
        ("Ref-Binary-i16  ", "<4h", [-1, -2, 255, 256]),
        ("Ref-Binary-u8", "<4B", [255, 0, 1, 254]),
        ("Ref-Binary-i8", "<2b", [-1, -128]),
        ("Ref-Binary-u16", "<2H", [65535, 255]),
        ("Ref-Binary-u32", "<2I", [2**32 - 256, 1]),
        ("Ref-Binary-i32", "<2i", [-(2**31), 7]),
        ("Ref-Binary-f32", "<3f", [-0.5, 1e30, 255.0]),
    ],
)
@pytest.mark.parametrize("indefinite", [True, False])
def test_binary_values_behind_the_object_are_taken(
    press: Daemon, client: Client, kind: str, layout: str, numbers: list[float], indefinite: bool
) -> None:
    client.request("post", "api/2/raw-data/delete-all", {})
    payload = with_binary(kind, struct.pack(layout, *numbers), indefinite=indefinite)
    reply = send(client, 2, payload, content_type="application/octet-stream", beside={"label": "hum"})
    assert reply.status == 200, reply.body
    assert values(press, reply.body["sampleId"]) == pytest.approx(numbers, rel=1e-6)
    sample = latest(client, 2)
    assert (sample["label"], sample["signatureValidate"]) == ("hum", True)
    changed = payload[:-1] + bytes([payload[-1] ^ 1])
    assert send(client, 2, changed).status == 403, "the signature is over the binary values too"


@pytest.mark.parametrize(
    ("payload", "code", "said"),
    [
        (with_binary("Ref-Binary-i64", b"\0" * 8), "invalid_member", "payload.values[0]: 'Ref-Binary-i64'"),
        (with_binary("Ref-Binary-i16", b"\0" * 3), "invalid_member", "payload.values: 3 bytes follow"),
        (with_binary("Ref-Binary-i16", b""), "invalid_member", "none follow the CBOR object"),
        (with_binary("Ref-Binary-i16", b"\0" * 6, sensors=2), "invalid_member", "no rows of 2"),
        (with_binary("Ref-Binary-f32", b"\0\0\xc0\x7f"), "invalid_member", "payload.values[0][0]: "),
        (cbor2.dumps(to_sign()) + b"\xff\0\0", "malformed_body", "no reference to them"),
        (cbor2.dumps({"payload": {"values": ["Ref-Binary-i16"]}}) + b"\0\0", "malformed_body", "no 0xFF"),
    ],
)
def test_binary_values_that_do_not_fit_are_refused_by_place(
    client: Client, payload: bytes, code: str, said: str
) -> None:
    reply = send(client, 8, payload)
    assert (reply.status, reply.body["code"]) == (400, code)
    assert said in reply.body["error"]


def test_a_reference_in_json_has_nothing_to_refer_to(client: Client) -> None:
    body = acquisition(["Ref-Binary-i16"])
    body["payload"]["sensors"] = [{"name": "audio"}]
    reply = client.request("post", "api/8/training/data", body)
    assert reply.status == 400 and "none follow the CBOR object" in reply.body["error"]


def test_rows_may_come_as_a_byte_string(press: Daemon, client: Client) -> None:
    body = copy.deepcopy(acquisition())
    del body["payload"]["values"]
    body["payload"]["values_base64"] = struct.pack("<6f", *range(6))
    reply = send(client, 9, cbor2.dumps(body))
    assert reply.status == 200 and values(press, reply.body["sampleId"]) == list(range(6))


def test_label_name_and_metadata_may_come_as_user_properties(client: Client) -> None:
    beside = {"label": "idle", "fileName": "monday", "metadata": '{"shift": "1"}', "unknown": "x"}
    assert send(client, 10, json.dumps(acquisition([[1, 2, 3]])).encode(), beside=beside).status == 200
    sample = latest(client, 10)
    assert (sample["label"], sample["filename"], sample["metadata"]) == ("idle", "monday", {"shift": "1"})
    for wrong, said in (
        ({"label": "a"}, "label: is given in the body and as a user property"),
        ({"metadata": "shift 1"}, "metadata: as a user property is no JSON object"),
    ):
        reply = send(client, 10, json.dumps(acquisition([[1, 2, 3]], label="b")).encode(), beside=wrong)
        assert (reply.status, reply.body["code"]) == (400, "invalid_member")
        assert said in reply.body["error"]
    # They are part of what a request says: the same id with another label is another request.
    payload = json.dumps(acquisition([[1, 2, 3]])).encode()
    answers = [
        send(client, 10, payload, beside={"label": label}, request_id="labelled") for label in ("a", "a", "b")
    ]
    assert answers[0].body == answers[1].body and answers[2].body["code"] == "request_id_conflict"


def test_the_command_line_imports_objects_as_they_are(press: Daemon, client: Client, tmp_path: Path) -> None:
    client.request("post", "api/2/raw-data/delete-all", {})
    good = tmp_path / "idle.1.cbor"
    good.write_bytes(PUBLISHED)
    told = json.loads(trainerd("import", "2", good, "--json", config=press.config_file).stdout)
    assert (told[0]["rows"], told[0]["rowsAdded"], told[0]["kind"]) == (4, 4, "time-series")
    sample = latest(client, 2)
    assert (sample["label"], sample["filename"], sample["signatureValidate"]) == ("idle", "idle.1", True)
    again = json.loads(trainerd("import", "2", good, "--json", config=press.config_file).stdout)
    assert again[0]["rowsAdded"] == 0
    text = tmp_path / "signed.json"
    body = to_sign()
    body["payload"] = {**cbor2.loads(PUBLISHED)["payload"], "values": [[1, 2, 3], [4, 5, 6]]}
    text.write_bytes(signed(json.dumps(body, indent=2).encode()))
    assert trainerd("import", "2", text, config=press.config_file).returncode == 0
    assert latest(client, 2)["signatureValidate"] is True
    text.write_bytes(text.read_bytes().replace(b"accX", b"accY", 1).replace(b"accY", b"accX", 1) + b" ")
    refused = trainerd("import", "2", text, config=press.config_file)
    assert refused.returncode == 1 and "HMAC-SHA256" in refused.stderr
    broken = tmp_path / "broken.cbor"
    broken.write_bytes(PUBLISHED[:-1])
    refused = trainerd("import", "2", good, broken, config=press.config_file)
    assert refused.returncode == 2
    assert "nothing was imported" in refused.stderr and "cut off" in refused.stderr
