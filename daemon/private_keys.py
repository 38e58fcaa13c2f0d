"""Private Ed25519 keys in files: PEM, as ``openssl genpkey -algorithm ed25519`` writes and reads it."""

from __future__ import annotations

import base64
from pathlib import Path

SEED_BYTES = 32
#: What stands before the 32 bytes of the key in PKCS #8 (RFC 8410).
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
_BEGIN, _END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"


def read_seed(path: Path) -> bytes:
    """The 32 bytes of a private key.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It holds no such key.
    """
    lines = path.read_text(encoding="ascii").splitlines()
    decoded = base64.b64decode("".join(line for line in lines if "-" not in line), validate=True)
    if len(decoded) != len(_PKCS8) + SEED_BYTES or not decoded.startswith(_PKCS8):
        raise ValueError("no private key: make one with openssl genpkey -algorithm ed25519")
    return decoded[len(_PKCS8) :]


def pem(seed: bytes) -> bytes:
    """Content of the file of a private key."""
    return "\n".join((_BEGIN, base64.b64encode(_PKCS8 + seed).decode(), _END, "")).encode()
