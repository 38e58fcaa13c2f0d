"""A model as a slot of the reference firmware takes it: header, parameters, test vectors, signature.

docs/device-protocol.md describes each byte.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

from firmware_export.errors import UnreadableModel

_HEADER = struct.Struct("<4sHH16sIIIIIHHH14x")
_MAGIC, _FORMAT = b"TRDM", 1
_SIGNATURE_SIZE = 64

ARCHITECTURE_SIZE = 16
DIGEST_SIZE = 32


@dataclass(frozen=True)
class Blob:
    """A model for a slot.

    Attributes
    ----------
    architecture : bytes
        Digest of all that the code depends on, 16 bytes.
    project, learn, version : int
        Whose parameters these are.
    params : bytes
        As they lie in the memory of a 32-bit ARM.
    inputs, outputs : tuple of bytes
        Rows of quantised inputs, and what the model makes of each; all inputs are of one length, all outputs
        too.
    sequence : int
        A board takes none that is not above the last it took; 0 of the model that a firmware is built with.
    """

    architecture: bytes
    project: int
    learn: int
    version: int
    params: bytes
    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    sequence: int = 0

    def with_sequence(self, sequence: int) -> Blob:
        """The same model, to come after those with a lower sequence."""
        return replace(self, sequence=sequence)

    def message(self) -> bytes:
        """All but the signature: what is signed, and what the digest is of."""
        header = _HEADER.pack(
            _MAGIC,
            _FORMAT,
            0,
            self.architecture,
            self.sequence,
            self.project,
            self.learn,
            self.version,
            len(self.params),
            len(self.inputs),
            len(self.inputs[0]) if self.inputs else 0,
            len(self.outputs[0]) if self.outputs else 0,
        )
        rows = (part for pair in zip(self.inputs, self.outputs, strict=True) for part in pair)
        return header + _padded(self.params) + _padded(b"".join(rows))

    def digest(self) -> bytes:
        """The 32 bytes by which a board knows the model: the first half of SHA-512."""
        return hashlib.sha512(self.message()).digest()[:DIGEST_SIZE]

    def signed(self, sign: Callable[[bytes], bytes]) -> bytes:
        """The whole blob.

        Parameters
        ----------
        sign : callable
            Makes the 64 bytes of an Ed25519 signature (RFC 8032) of a message.
        """
        message = self.message()
        return message + sign(message)


def parse(message: bytes) -> Blob:
    """Read what `Blob.message` wrote.

    Parameters
    ----------
    message : bytes
        A blob without its signature.

    Raises
    ------
    UnreadableModel
        It is none, or not whole.
    """
    if len(message) < _HEADER.size or message[:4] != _MAGIC:
        raise UnreadableModel("this is no model for a slot: it does not begin with TRDM")
    fields = _HEADER.unpack_from(message)
    _, form, reserved, architecture, sequence, project, learn, version, size, count, row, answer = fields
    if form != _FORMAT or reserved != 0 or any(message[_HEADER.size - 14 : _HEADER.size]):
        raise UnreadableModel(f"this is a model in form {form} for a slot, and only form {_FORMAT} is known")
    start = _HEADER.size + size + -size % 4
    end = start + count * (row + answer)
    if len(message) != end + -end % 4 or any(message[_HEADER.size + size : start]) or any(message[end:]):
        raise UnreadableModel(f"the model for a slot has {len(message)} bytes, and its header tells others")
    rows = [message[at : at + row + answer] for at in range(start, end, row + answer)] if count else []
    return Blob(
        architecture,
        project,
        learn,
        version,
        message[_HEADER.size : _HEADER.size + size],
        tuple(each[:row] for each in rows),
        tuple(each[row:] for each in rows),
        sequence,
    )


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
