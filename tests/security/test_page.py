"""docs/security.md, done as it says: its commands, its configurations, its example."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from daemon.config import Auth
from daemon.config_file import load
from daemon.keys import read_keys
from daemon.routes import ROUTES
from daemon.wire.canonical import canonical_json
from tests.harness import PATIENCE, Broker, Daemon, wait_until
from tests.scenario import set_up_project
from tests.security.conftest import guard
from tests.security.signer import Signer
from tests.security.walled_broker import WalledBroker

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
#: Public: the first of RFC 8032, section 7.1.
EXAMPLE = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))


def blocks(kind: str, part: str = "") -> list[str]:
    """The fenced blocks of one kind, in the part of the page under a heading."""
    text = PAGE.partition(f"\n## {part}\n")[2].partition("\n## ")[0] if part else PAGE
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shell(script: str, directory: Path, **environment: str) -> str:
    """What a shell prints that finds `trainerd`, and for which root's commands do nothing special."""
    tools = directory / "tools"
    tools.mkdir(exist_ok=True)
    for name, does in {"sudo": 'exec "$@"', "systemctl": "exit 0", "chown": "exit 0"}.items():
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("text", blocks("toml"))
def test_the_configurations_are_good(tmp_path: Path, text: str) -> None:
    (tmp_path / "trainerd.toml").write_text(text)
    load(tmp_path / "trainerd.toml")


def test_the_keys_file_is_good_and_is_the_example_s(tmp_path: Path) -> None:
    (text,) = blocks("toml keys")
    (tmp_path / "keys.toml").write_text(text)
    (key,) = read_keys(Auth(keys_file=str(tmp_path / "keys.toml"))).values()
    assert key.public_bytes == bytes(EXAMPLE.verify_key)


def test_the_example_is_right(tmp_path: Path) -> None:
    (body,), (canonical,), (text,) = blocks("json"), blocks("text canonical"), blocks("text signed")
    (signature,) = blocks("text signature")
    assert canonical_json(json.loads(body)) == canonical.rstrip("\n").encode()
    signed = text.rstrip("\n")
    assert signed.splitlines()[-1] == hashlib.sha256(canonical.rstrip("\n").encode()).hexdigest()
    assert base64.b64encode(EXAMPLE.sign(signed.encode()).signature).decode() == signature.strip()

    # The command and the code on the page find the same.
    lines = signed.splitlines()
    code: dict[str, Any] = {}
    exec(blocks("python")[0], code)
    by_code = code["sign"](
        EXAMPLE, "ops-1", lines[1], lines[3], json.loads(body), int(lines[4]), int(lines[5])
    )
    assert by_code["auth"]["signature"] == signature.strip()
    pem = base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + bytes(EXAMPLE)).decode()
    (tmp_path / "ops-1.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n")
    (tmp_path / "body.json").write_text(body)
    by_command = shell(
        f"trainerd sign {lines[3]} --key ops-1.pem --key-id ops-1 --device press-3 --body body.json"
        f" --counter {lines[4]}",
        tmp_path,
    )
    auth = json.loads(by_command)["auth"]
    again = code["sign"](
        EXAMPLE, "ops-1", lines[1], lines[3], json.loads(body), int(lines[4]), auth["expires"]
    )
    assert json.loads(by_command) == again


def test_requests_are_signed_as_the_page_says(broker: Broker, tmp_path: Path) -> None:
    make, send = blocks("sh", "Signed requests")
    public = shell(make, tmp_path).strip()
    (keys,) = blocks("toml keys")
    config = guard(tmp_path)
    (tmp_path / "keys.toml").write_text(re.sub('public_key = "[^"]*"', f'public_key = "{public}"', keys))
    daemon = Daemon(tmp_path, broker.port, device="press-3", config=config.replace('["all"]', "[]"))
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_project(client)
        daemon.stop()
        daemon.config = config
        daemon.start()
        (tmp_path / "mosquitto_pub").write_text(f"-h 127.0.0.1\n-p {broker.port}\n")
        shell(send, tmp_path, XDG_CONFIG_HOME=str(tmp_path))
        with daemon.client() as client:
            wait_until(
                "the job to end",
                lambda: any(
                    job["finishedSuccessful"]
                    for job in client.request("get", "api/1/jobs/history").body["jobs"]
                ),
            )
    finally:
        daemon.stop()


def test_the_broker_is_set_up_as_the_page_says(tmp_path: Path) -> None:
    certificates, install, ask, revoke = blocks("sh", "The broker")
    for folder in ("conf.d", "certs"):
        (tmp_path / folder).mkdir()

    def localised(script: str) -> str:
        for told, here in {
            "/opt/trainerd": str(ROOT),
            "/etc/mosquitto": str(tmp_path),
            "192.168.1.10": "127.0.0.1",
            "broker.lan -p 8884": f"127.0.0.1 -p {broker.controller_port}",
        }.items():
            script = script.replace(told, here)
        return script

    broker = WalledBroker(tmp_path)
    home = tmp_path / "certificates"
    shell(localised(certificates), tmp_path)
    assert home.stat().st_mode & 0o077 == 0
    shell(localised(install), home)
    device = (
        f'tls = {{ ca_file = "{home}/devices-ca.crt", cert_file = "{home}/press-3.crt",'
        f' key_file = "{home}/press-3.key" }}\n'
    )
    try:
        broker.start()
        daemon = Daemon(tmp_path / "device", broker.device_port, device="press-3", config=device)
        daemon.directory.mkdir()
        try:
            daemon.start(wait=False)
            wait_until("the device to be connected", lambda: "connected to" in daemon.log())
            assert '"capabilities"' in shell(localised(ask), home)
            script = localised(f"{certificates.splitlines()[1]}\n{revoke}")
            broker.stop()
            shell(script, home)
            broker.start()
            wait_until(
                "the device to be shut out", lambda: "may not take this device's certificate" in daemon.log()
            )
        finally:
            daemon.stop()
    finally:
        broker.stop()


def test_every_role_is_described() -> None:
    described = set(re.findall(r"^\| `(\w+)` \| [^|]*\|$", PAGE, re.MULTILINE))
    # A role that depends on the body is one of these too.
    assert {route.role for route in ROUTES if isinstance(route.role, str)} <= described
    assert {"train", "data", "deploy", "expert", "admin"} <= described


def test_the_signers_of_the_tests_know_only_the_page() -> None:
    # What the other tests sign with is another implementation than the command's.
    signed = Signer("ops-1", (), EXAMPLE).sign(
        "api/1/jobs/train/anomaly/7",
        json.loads(blocks("json")[0]),
        device="press-3",
        counter=1790000000000,
        expires=1790000300,
    )
    assert signed["auth"]["signature"] == blocks("text signature")[0].strip()
