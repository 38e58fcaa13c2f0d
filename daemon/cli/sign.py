"""``trainerd sign``: a request's body with a signature in it, for whoever publishes it."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path

import click

from daemon.cli.ends import CallWrong
from daemon.errors import RequestError
from daemon.private_keys import read_seed
from daemon.wire.bodies import JSON, read_body
from daemon.wire.signed import Envelope, signed_text


@click.command("sign")
@click.argument("path")
@click.option(
    "--key",
    "key_file",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Private key: PEM, as `openssl genpkey -algorithm ed25519` writes it.",
)
@click.option("--key-id", required=True, help="Its name in the device's keys file.")
@click.option("--device", help="The device that it is for.")
@click.option("--group", help="The group of devices that it is for.")
@click.option("--body", "body_file", metavar="FILE|-", help="The body as JSON; - reads standard input.")
@click.option(
    "--valid-s", default=300, show_default=True, type=click.IntRange(min=1), help="Seconds until it expires."
)
@click.option(
    "--counter",
    type=click.IntRange(min=1, max=2**53 - 1),
    help="Above all before it; milliseconds since 1970 where left out.",
)
def command(
    path: str,
    key_file: Path,
    key_id: str,
    device: str | None,
    group: str | None,
    body_file: str | None,
    valid_s: int,
    counter: int | None,
) -> None:
    """Print the body of a post to PATH with the member auth in it.

    Needs no daemon: the private key belongs on the machine that commands, not on the device.
    """
    if (device is None) == (group is None):
        raise CallWrong("give either --device or --group")
    # Not needed to verify: only who signs loads it.
    from nacl.signing import SigningKey

    payload = _read_body(body_file)
    counter = time.time_ns() // 1_000_000 if counter is None else counter
    expires = int(time.time()) + valid_s
    try:
        read_body(payload, JSON)
        text = signed_text(Envelope("post", path.strip("/"), device or "", group, payload), counter, expires)
    except RequestError as error:
        raise CallWrong(error.message) from None
    signature = SigningKey(_read_private(key_file)).sign(text).signature
    body = json.loads(payload) if payload else {}
    body["auth"] = {
        "keyId": key_id,
        "counter": counter,
        "expires": expires,
        "signature": base64.b64encode(signature).decode(),
    }
    click.echo(json.dumps(body, ensure_ascii=False))


def _read_body(name: str | None) -> bytes:
    if name is None:
        return b""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CallWrong(f"{name}: {error}") from error


def _read_private(path: Path) -> bytes:
    try:
        return read_seed(path)
    except (OSError, ValueError) as error:
        raise CallWrong(f"{path}: {error}") from error
