"""`trainerd sign`: what it takes, and what it says of what it does not take."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.command import trainerd

PATH = "api/1/impulse"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "ops-1.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
    return path


def test_the_body_is_kept_and_auth_added(key: Path) -> None:
    body = '{"a": null, "b": 12345678901234, "c": 0.1, "d": "\u00e9", "auth": "an older one"}'
    options = ("--key", key, "--key-id", "ops-1", "--group", "line-1", "--body", "-", "--valid-s", "60")
    before = time.time()
    done = trainerd("sign", f"/{PATH}/", *options, stdin=body)
    assert done.returncode == 0, done.stderr
    signed = json.loads(done.stdout)
    auth = signed.pop("auth")
    assert signed == {name: value for name, value in json.loads(body).items() if name != "auth"}
    assert auth["keyId"] == "ops-1"
    assert before + 59 <= auth["expires"] <= time.time() + 60
    assert before * 1000 - 1 <= auth["counter"] <= time.time() * 1000
    counted = trainerd("sign", PATH, *options, "--counter", "7", stdin=body)
    assert json.loads(counted.stdout)["auth"]["counter"] == 7


def test_an_empty_body_is_an_empty_object(key: Path) -> None:
    done = trainerd("sign", PATH, "--key", key, "--key-id", "ops-1", "--device", "press-3")
    assert set(json.loads(done.stdout)) == {"auth"}


@pytest.mark.parametrize(
    ("options", "body", "told"),
    [
        ((), "{}", "either --device or --group"),
        (("--device", "a", "--group", "b"), "{}", "either --device or --group"),
        (("--device", "a"), "[]", "not a JSON object"),
        (("--device", "a"), '{"a": NaN}', "NaN"),
        (("--device", "a"), '{"a": 9007199254740993}', "9007199254740993"),
        (("--device", "a", "--counter", "0"), "{}", "--counter"),
    ],
)
def test_mistakes_are_told(key: Path, options: tuple[str, ...], body: str, told: str) -> None:
    done = trainerd("sign", PATH, "--key", key, "--key-id", "ops-1", "--body", "-", *options, stdin=body)
    assert done.returncode == 2 and told in done.stderr and not done.stdout


def test_another_file_than_a_private_key_is_refused(key: Path, tmp_path: Path) -> None:
    public = tmp_path / "public.pem"
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    other = tmp_path / "ec.pem"
    curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "genpkey", *curve, "-out", other], check=True)
    for path in (public, other, tmp_path / "none.pem", tmp_path):
        done = trainerd("sign", PATH, "--key", path, "--key-id", "ops-1", "--device", "press-3")
        assert done.returncode == 2 and path.name in done.stderr and "Traceback" not in done.stderr
