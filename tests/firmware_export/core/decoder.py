"""The packed form's decoder once more, with a fraction of unlimited length: what the C is compared with."""

from __future__ import annotations


def unpacked(stream: bytes, length: int) -> bytes:
    """What a stream stands for: bytes until there are enough, or the stream ends."""
    probabilities, out = [1024] * 256, bytearray()
    at, code, width, node = 0, 0, 1, 1
    while len(out) < length:
        while width < 1 << 24:
            if at == len(stream):
                return bytes(out)
            code, width, at = (code << 8 | stream[at]) & 0xFFFFFFFF, width << 8, at + 1
        bound = (width >> 11) * probabilities[node]
        bit = int(code >= bound)
        code, width = (code - bound, width - bound) if bit else (code, bound)
        probabilities[node] += -(probabilities[node] >> 4) if bit else (2048 - probabilities[node]) >> 4
        node = node << 1 | bit
        if node > 255:
            out.append(node & 255)
            node = 1
    return bytes(out)
