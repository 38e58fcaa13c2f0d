"""What a signed request carries, and what exactly is signed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from daemon.wire.bodies import JSON, Encoding
from daemon.wire.canonical import canonical_json

#: First line of everything that is signed, so that a signature for this serves for nothing else.
DOMAIN = "trainerd-request-v1"

#: What a key may sign for; none includes another.
Role = Literal["train", "data", "deploy", "expert", "admin"]

_SIGNATURE_BYTES = 64


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body member ``auth``.

    Parameters
    ----------
    key_id : str
        Which key signed.
    counter : int
        Above all counters that this key has used on this device.
    expires : int
        Seconds since 1970 UTC after which the request is not executed.
    signature : str
        Ed25519 over `signed_text`, 64 bytes in base64.
    """

    key_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    counter: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    expires: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    signature: str

    def signature_bytes(self) -> bytes:
        """The signature; zeros, which sign nothing, where the text is none."""
        try:
            decoded = base64.b64decode(self.signature, validate=True)
        except ValueError:
            return bytes(_SIGNATURE_BYTES)
        return decoded if len(decoded) == _SIGNATURE_BYTES else bytes(_SIGNATURE_BYTES)


@dataclass(frozen=True)
class Envelope:
    """Where a request was sent, and its body as received.

    Parameters
    ----------
    method, path : str
        Which route; the path without leading and trailing slash.
    device : str
        The device that it has reached.
    group : str or None
        The group that it was sent to, where it was not sent to the device.
    payload : bytes
        The body, checked already.
    encoding : Encoding
        How it is written.
    beside : dict
        Members that came as user properties.
    """

    method: str
    path: str
    device: str
    group: str | None
    payload: bytes
    encoding: Encoding = JSON
    beside: dict[str, Any] = field(default_factory=dict)


def signed_text(request: Envelope, counter: int, expires: int) -> bytes:
    """Exactly the bytes that are signed: seven lines, without a line's end after the last.

    Raises
    ------
    MalformedBody
        The body holds a number that cannot be signed.
    """
    target = f"device:{request.device}" if request.group is None else f"group:{request.group}"
    digest = hashlib.sha256(canonical_body(request)).hexdigest()
    lines = (DOMAIN, target, request.method, request.path, str(counter), str(expires), digest)
    return "\n".join(lines).encode()


def canonical_body(request: Envelope) -> bytes:
    """The canonical form of a body without its member ``auth``, the same in every encoding."""
    # Read once more: what is unset for a route (null) is signed all the same, as it was written.
    body = request.encoding.read_as_given(request.payload) if request.payload else {}
    body.update(request.beside)
    body.pop("auth", None)
    return canonical_json(body)
