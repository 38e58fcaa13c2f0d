"""Signatures, right and wrong in many ways, with PyNaCl's verdict on each."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nacl.bindings as sodium
import nacl.exceptions

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19
#: Of order 8. The others of small order are its multiples.
TORSION = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
# Around the ends of what a hash pads in one block, and of one block.
LENGTHS = (0, 1, 47, 48, 63, 64, 65, 192, 4096)


@dataclass(frozen=True)
class Signed:
    """A signature of a message by a key, or what pretends to be one."""

    signature: bytes
    key: bytes
    message: bytes

    def right(self) -> bool:
        """PyNaCl's verdict, which is libsodium's."""
        try:
            sodium.crypto_sign_open(self.signature + self.message, self.key)
        except nacl.exceptions.BadSignatureError:
            return False
        return True


def published() -> list[Signed]:
    """The vectors of RFC 8032."""
    text = (Path(__file__).parent / "rfc8032.txt").read_text()
    rows = [line.split(" ") for line in text.splitlines() if not line.startswith("#")]
    return [
        Signed(bytes.fromhex(signature), bytes.fromhex(key), bytes.fromhex("".join(message)))
        for key, signature, *message in rows
    ]


def signed(rng: random.Random, r_torsion: bytes = b"", key_torsion: bytes = b"") -> Signed:
    """A random message, signed by a random key, to either of whose points another one may be added."""
    message, a, r = rng.randbytes(rng.choice(LENGTHS)), rng.randrange(1, ORDER), rng.randrange(1, ORDER)
    key, big_r = (_plus(_times_base(scalar), other) for scalar, other in ((a, key_torsion), (r, r_torsion)))
    h = int.from_bytes(hashlib.sha512(big_r + key + message).digest(), "little")
    return Signed(big_r + ((r + h * a) % ORDER).to_bytes(32, "little"), key, message)


def _times_base(scalar: int) -> bytes:
    return sodium.crypto_scalarmult_ed25519_base_noclamp(scalar.to_bytes(32, "little"))


def _plus(point: bytes, other: bytes) -> bytes:
    return sodium.crypto_core_ed25519_add(point, other) if other else point


def mutations(good: Signed, rng: random.Random) -> Iterator[Signed]:
    """What differs from a right signature in one way."""
    for place in rng.sample(range(512), 4):
        yield Signed(_flipped(good.signature, place), good.key, good.message)
    yield Signed(good.signature, _flipped(good.key, rng.randrange(256)), good.message)
    yield Signed(good.signature, good.key, good.message + b"\0")
    yield Signed(rng.randbytes(64), good.key, good.message)
    yield Signed(good.signature, rng.randbytes(32), good.message)
    s = int.from_bytes(good.signature[32:], "little")
    for other in (ORDER - s, *(s + k * ORDER for k in range(1, 16))):
        yield Signed(good.signature[:32] + other.to_bytes(32, "little"), good.key, good.message)


def _flipped(data: bytes, bit: int) -> bytes:
    return bytes(byte ^ (bit // 8 == i) << bit % 8 for i, byte in enumerate(data))


def odd_points() -> list[bytes]:
    """Encodings of y from 2^255 - 19 on, which are not canonical, of small orders, and of no point at all."""
    multiples, point = [TORSION], TORSION
    for _ in range(7):
        point = sodium.crypto_core_ed25519_add(point, TORSION)
        multiples.append(point)
    high = [PRIME + k for k in range(19)]
    values = [y | sign << 255 for y in (*high, 0, 1, PRIME - 1, 2, 3, 4, 5, 6, 7) for sign in (0, 1)]
    return multiples + [value.to_bytes(32, "little") for value in values]
