"""The key that models for boards are signed with; firmware is built with its public half."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from nacl.signing import SigningKey

from daemon import durable
from daemon.errors import ConfigError
from daemon.private_keys import SEED_BYTES, pem, read_seed

_log = logging.getLogger(__name__)

#: Stands for a key in firmware that takes models without a signature, and for the signature.
NO_KEY, NO_SIGNATURE = bytes(32), bytes(64)


class Signer:
    """Signs what boards are sent.

    Parameters
    ----------
    seed : bytes or None
        The private key; None where nothing is signed.
    """

    def __init__(self, seed: bytes | None) -> None:
        self._key = None if seed is None else SigningKey(seed)

    @property
    def public_key(self) -> bytes:
        """What firmware is to trust, 32 bytes; zeros where it is to trust everybody."""
        return NO_KEY if self._key is None else bytes(self._key.verify_key)

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature (RFC 8032), 64 bytes."""
        return NO_SIGNATURE if self._key is None else self._key.sign(message).signature


def open_key(path: Path) -> Signer:
    """Read the key; make it where there is none.

    Parameters
    ----------
    path : Path
        Its file.

    Raises
    ------
    ConfigError
        It can be neither read nor made, holds no key, or is open to others.
    """
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            durable.write(path, pem(secrets.token_bytes(SEED_BYTES)))
            durable.sync(path.parent.parent)
            _log.warning("%s: a key was made; keep a copy: boards take models that it has signed only", path)
        if path.stat().st_mode & 0o077:
            raise ValueError("others may read or write it: chmod 600 it")
        return Signer(read_seed(path))
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), None, f"the key for boards cannot be used: {error}") from error
