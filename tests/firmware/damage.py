"""Streams of bytes that a firmware must survive: random ones, and damaged conversations."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Any

import cbor2
from smp import packet

from firmware_export.packed import pack
from tests.firmware.smp_line import IMAGE, MODEL, OS, READ, WRITE
from tests.firmware.updates import Update

_NUMBERS = (0, 1, 2, 3, 4, 23, 24, 64, 255, 256, 400, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**63, -1)


def _value(rng: random.Random) -> Any:
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice([True, False, None, 1.5])
    if kind == 1:
        return rng.randbytes(rng.choice((0, 1, 4, 8, 31, 32, 33, 64, 300)))
    if kind == 2:
        return "é" * rng.randrange(40)
    if kind == 3:
        return [_value(rng) for _ in range(rng.randrange(3))]
    if kind == 4:
        return {"off": _value(rng)}
    return rng.choice(_NUMBERS)


def _sensible(rng: random.Random) -> tuple[int, int, int, dict[str, Any]]:
    """A request that a client might send."""
    update = Update(bias=rng.randrange(3), sequence=rng.randrange(1, 9), format=rng.choice((1, 1, 1, 2)))
    blob = rng.choice((update.signed(), pack(update.signed())))
    at = rng.choice((0, 0, 64, 100, len(blob)))
    first = {"image": 1, "len": len(blob), "sha": rng.randbytes(2)} if at == 0 else {}
    requests: list[tuple[int, int, int, dict[str, Any]]] = [
        (WRITE, OS, 0, {"d": "x" * rng.randrange(300)}),
        (READ, OS, 6, {}),
        (READ, IMAGE, 0, {}),
        (WRITE, IMAGE, 0, {"hash": update.digest(), "confirm": rng.random() < 0.5}),
        (WRITE, IMAGE, 0, {"confirm": True}),
        (WRITE, IMAGE, 1, {**first, "off": at, "data": blob[at : at + rng.choice((1, 9, 64, 400))]}),
        (WRITE, IMAGE, 5, {}),
        (READ, MODEL, 0, {}),
        (WRITE, MODEL, 1, {"in": rng.randbytes(rng.choice((0, 3, 4, 244, 248, 400)))}),
        (READ, MODEL, 2, {"from": rng.choice(_NUMBERS), "max": rng.choice(_NUMBERS)}),
        (WRITE, MODEL, 3, {"everyms": rng.choice((0, 1, 2**32 - 1))}),
    ]
    return rng.choice(requests)


def _bent(rng: random.Random, data: bytes) -> bytes:
    """The same bytes with a few changed, left out or put in."""
    bent = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(bent) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            bent[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif kind == 1:
            del bent[at : at + rng.randrange(1, 9)]
        elif kind == 2 and at < len(bent):
            bent[at] = rng.randrange(256)
        elif kind == 3 and at < len(bent):
            bent[at] ^= 1 << rng.randrange(8)
    return bytes(bent)


def frame(request: bytes) -> bytes:
    """A packet as lines."""
    return b"".join(packet.encode(request))


def streams(rng: random.Random, count: int) -> Iterator[bytes]:
    """So many frames, or what is left of them."""
    for _ in range(count):
        if rng.random() < 0.1:
            yield rng.randbytes(rng.randrange(1, 200))
            continue
        operation, group, command, members = _sensible(rng)
        if rng.random() < 0.3 and members:
            members[rng.choice(list(members))] = _value(rng)
        body = cbor2.dumps(members)
        if rng.random() < 0.3:
            body = _bent(rng, body)
        head = struct.pack("!BBHHBB", 8 | operation, 0, len(body) % 65536, group, rng.randrange(256), command)
        whole = (_bent(rng, head + body) if rng.random() < 0.1 else head + body)[:1500]
        lines = frame(whole)
        yield _bent(rng, lines) if rng.random() < 0.2 else lines
