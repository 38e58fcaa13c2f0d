"""Models for the firmware of `hw_tests/boards/support/linear.c`, and the key that it trusts."""

from __future__ import annotations

import struct

from nacl.signing import SigningKey

from firmware_export.blob import Blob

KEY = SigningKey(bytes(range(32)))
KEY_FLAG = "-DPUBLIC_KEY=" + ",".join(f"{byte:#x}" for byte in bytes(KEY.verify_key))
_ROWS = ((1, 1, 1, 1), (0, 0, 0, -1))


def linear(
    *,
    version: int = 3,
    weights: tuple[int, int, int, int] = (1, 2, 3, 4),
    bias: int = 5,
    architecture: bytes = b"linear, 4 inputs",
    outputs: tuple[bytes, ...] | None = None,
) -> Blob:
    """Output = bias + sum(weight * input), with two test vectors; right ones where none are given."""
    sums = [bias + sum(w * x for w, x in zip(weights, row, strict=True)) for row in _ROWS]
    return Blob(
        architecture,
        1,
        7,
        version,
        struct.pack("<5i", *weights, bias),
        tuple(struct.pack("4b", *row) for row in _ROWS),
        outputs or tuple(struct.pack("<i", value) for value in sums),
    )
