"""Blobs made smaller for a slow line: an adaptive binary range coder of single bytes.

A byte is eight decisions, its highest bit first. Each of the 255 nodes of the tree that they make holds the
probability of a 0 so far, in 2^-11; a decision narrows the interval that the stream, read as a fraction,
lies in. The board's side is ``firmware/core/unpack.c``; ``docs/device-protocol.md`` describes the bytes.
"""

from __future__ import annotations

MAGIC = b"TRDP"

_PROBABILITY_BITS = 11
_ADAPTATION = 4
_LEAST_RANGE = 1 << 24


def pack(blob: bytes) -> bytes:
    """Pack a blob, where that makes it smaller.

    Parameters
    ----------
    blob : bytes

    Returns
    -------
    bytes
        ``TRDP``, the blob's length as uint32 little-endian and the stream; or the blob as it is.
    """
    packed = MAGIC + len(blob).to_bytes(4, "little") + _encode(blob)
    return packed if len(packed) < len(blob) else blob


def _encode(data: bytes) -> bytes:
    probabilities = [1 << (_PROBABILITY_BITS - 1)] * 256
    # The interval begins at the bytes of `out` followed by the four of `low`. At first it is all from 0 to 1,
    # before the point: what the first four bytes then hold is nothing.
    out, low, width = bytearray(), 0, 1
    for byte in data:
        node = 1
        for place in range(7, -1, -1):
            while width < _LEAST_RANGE:
                out.append(low >> 24)
                low = low << 8 & 0xFFFFFFFF
                width <<= 8
            probability = probabilities[node]
            bound = (width >> _PROBABILITY_BITS) * probability
            bit = byte >> place & 1
            if bit:
                low += bound
                width -= bound
                probabilities[node] -= probability >> _ADAPTATION
                if low > 0xFFFFFFFF:
                    low &= 0xFFFFFFFF
                    _carry(out)
            else:
                width = bound
                probabilities[node] += ((1 << _PROBABILITY_BITS) - probability) >> _ADAPTATION
            node = node << 1 | bit
    return bytes(out + low.to_bytes(4, "big"))[4:]


def _carry(out: bytearray) -> None:
    """Add 1 to a number of bytes, the highest first."""
    place = len(out) - 1
    while out[place] == 0xFF:
        out[place] = 0
        place -= 1
    out[place] += 1
