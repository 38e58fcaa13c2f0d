"""Blobs for the test model, made from the description of their bytes, and the way they go to a board."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from nacl.signing import SigningKey

from tests.firmware.smp_line import IMAGE, MODEL, READ, WRITE, Line

KEY = SigningKey(bytes(range(32)))
KEY_FLAG = "-DPUBLIC_KEY=" + ",".join(map(str, bytes(KEY.verify_key)))
"""Has the peer's model take blobs of that key only."""

PIECE = 400
PROBE = bytes([1, 2, 3, 4])


@dataclass(frozen=True)
class Update:
    """A model for the firmware of ``linear.c``; the defaults are a right one.

    Attributes
    ----------
    bias : int
        What tells one from another: its output of any input.
    """

    bias: int
    sequence: int = 1
    weights: tuple[int, ...] = (0, 0, 0, 0)
    magic: bytes = b"TRDM"
    format: int = 1
    architecture: bytes = b"linear, 4 inputs"
    params_size: int = 20
    vectors: Sequence[bytes] | None = None
    vector_count: int | None = None
    input_bytes: int = 4
    key: SigningKey = KEY

    def output(self) -> bytes:
        """What it makes of ``PROBE``."""
        value = self.bias + sum(a * b for a, b in zip(self.weights, PROBE, strict=True))
        return struct.pack("<i", value)

    def unsigned(self) -> bytes:
        """Everything but the signature."""
        params = struct.pack("<5i", *self.weights, self.bias).ljust(self.params_size, b"\1")
        rows = [PROBE + self.output(), bytes(4) + struct.pack("<i", self.bias)]
        vectors = b"".join(rows if self.vectors is None else self.vectors)
        count = len(vectors) // 8 if self.vector_count is None else self.vector_count
        header = struct.pack(
            "<4sHH16s5I3H14x",
            *(
                self.magic,
                self.format,
                0,
                self.architecture,
                self.sequence,
                1,
                7,
                self.bias,
                self.params_size,
            ),
            *(count, self.input_bytes, 4),
        )
        body = params + bytes(-len(params) % 4) + vectors
        return header + body + bytes(-len(body) % 4)

    def signed(self) -> bytes:
        """The blob, with its signature."""
        return self.unsigned() + self.key.sign(self.unsigned()).signature

    def digest(self) -> bytes:
        """Its name."""
        return hashlib.sha512(self.unsigned()).digest()[:32]


def upload(line: Line, data: bytes, piece: int = PIECE, until: int | None = None) -> int:
    """Send a blob, in pieces, from where the board says; gives the board's offset at the end."""
    sha = hashlib.sha256(data).digest()
    first = data[:piece]
    offset: int = line.ask(WRITE, IMAGE, 1, image=1, off=0, len=len(data), sha=sha, data=first)["off"]
    while offset < (len(data) if until is None else until):
        offset = line.ask(WRITE, IMAGE, 1, off=offset, data=data[offset : offset + piece])["off"]
    return offset


def install(line: Line, update: Update) -> None:
    """The whole way: upload, test, confirm."""
    upload(line, update.signed())
    line.ask(WRITE, IMAGE, 0, hash=update.digest(), confirm=False)
    line.ask(WRITE, IMAGE, 0, hash=update.digest(), confirm=True)


def running(line: Line) -> bytes:
    """What the board makes of ``PROBE``: which model runs, without asking its name."""
    out: bytes = line.ask(WRITE, MODEL, 1, **{"in": PROBE})["out"]
    return out


def source(line: Line) -> tuple[str, bool]:
    """Where the board says that its model is, and whether it is confirmed."""
    told = line.ask(READ, MODEL, 0)
    return told["src"], told["confirmed"]
