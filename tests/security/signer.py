"""A controller that signs, written from docs/security.md alone: nothing of the daemon is used."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

import rfc8785
from nacl.signing import SigningKey

#: Counters of all signers, so that tests that share a daemon do not meet.
_COUNTERS = itertools.count(1000)


@dataclass(frozen=True)
class Signer:
    """One key."""

    key_id: str
    roles: tuple[str, ...]
    private: SigningKey = field(default_factory=SigningKey.generate)

    def entry(self) -> str:
        """Its table in a keys file."""
        public = base64.b64encode(bytes(self.private.verify_key)).decode()
        return f'[keys."{self.key_id}"]\npublic_key = "{public}"\nroles = {json.dumps(self.roles)}\n'

    def sign(
        self,
        path: str,
        body: dict[str, Any],
        *,
        device: str | None = None,
        group: str | None = None,
        method: str = "post",
        counter: int | None = None,
        expires: int | None = None,
    ) -> dict[str, Any]:
        """The body with its member ``auth``."""
        counter = next(_COUNTERS) if counter is None else counter
        expires = int(time.time()) + 300 if expires is None else expires
        target = f"device:{device}" if group is None else f"group:{group}"
        digest = hashlib.sha256(rfc8785.dumps(body)).hexdigest()
        text = "\n".join(
            ("trainerd-request-v1", target, method, path, str(counter), str(expires), digest)
        ).encode()
        signature = base64.b64encode(self.private.sign(text).signature).decode()
        auth = {"keyId": self.key_id, "counter": counter, "expires": expires, "signature": signature}
        return {**body, "auth": auth}


def keys_file(*signers: Signer) -> str:
    """Text of a keys file."""
    return "\n".join(signer.entry() for signer in signers)
