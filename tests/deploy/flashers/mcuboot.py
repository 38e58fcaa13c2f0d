"""A stand-in for firmware with an SMP server over MCUboot, on a TCP port.

There is no Zephyr here to build one. The frames are those of an outside implementation of SMP; slots, test,
swap and confirmation follow the design that MCUboot publishes.
"""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cbor2
from smp import packet

from tests.deploy.flashers.listening import listening

_READ, _WRITE = 0, 2
_IMAGE_STATE, _IMAGE_UPLOAD = (1, 0), (1, 1)
_ECHO, _RESET, _PARAMETERS = (0, 0), (0, 5), (0, 6)
_UNKNOWN = {"err": {"group": 1, "rc": 3}}  # NO_IMAGE


def mcuboot_image(program: bytes, *, protected: bytes = b"") -> bytes:
    """A program between MCUboot's header and its hash.

    Parameters
    ----------
    program : bytes
        What runs.
    protected : bytes
        A value that is hashed with it, as versions of dependencies are.
    """
    values = struct.pack("<HH", 0x50, len(protected)) + protected if protected else b""
    shielded = struct.pack("<HH", 0x6908, 4 + len(values)) + values if protected else b""
    header = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, 32, len(shielded), len(program), 0, 1, 0, 0, 0, 0)
    hashed = header + program + shielded
    digest = struct.pack("<HH", 0x10, 32) + hashlib.sha256(hashed).digest()
    return hashed + struct.pack("<HH", 0x6907, 4 + len(digest)) + digest


def image_hash(image: bytes) -> bytes:
    """The hash at the end of an image of `mcuboot_image`."""
    return image[-32:]


@dataclass
class Mcuboot:
    """Two slots and what is said of them.

    Parameters
    ----------
    running : bytes
        The image in the primary slot, confirmed.
    trusts : bool
        Whether the bootloader takes what comes.
    hangs_up : bool
        Whether the port goes away at a reset, as one on USB does.
    breaks_at : int or None
        Offset of an upload at which the line breaks, once.
    """

    running: bytes
    trusts: bool = True
    hangs_up: bool = False
    breaks_at: int | None = None
    waiting: bytes = b""
    pending: bool = False
    confirmed: bool = True
    received: int = 0
    url: str = ""
    _sha: bytes = b""
    _total: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def answer(self, operation: int, command: tuple[int, int], told: dict[str, Any]) -> dict[str, Any]:
        """The members of the answer to a request."""
        if command == _IMAGE_UPLOAD:
            return self._upload(told)
        if command == _IMAGE_STATE:
            if operation == _WRITE and not self._set_state(told["hash"], confirm=told["confirm"]):
                return _UNKNOWN
            return {"images": list(self._images())}
        if command == _ECHO:
            return {"r": told["d"]}
        if command == _PARAMETERS:
            return {"buf_size": 512, "buf_count": 4}
        assert command == _RESET
        return {}

    def _upload(self, told: dict[str, Any]) -> dict[str, Any]:
        offset, data = told["off"], told["data"]
        if offset == 0:
            assert told["image"] == 0
            if told["sha"] != self._sha:
                self._sha, self._total = told["sha"], told["len"]
                self._buffer.clear()
        if self.breaks_at is not None and offset >= self.breaks_at:
            self.breaks_at = None
            raise ConnectionAbortedError
        if offset == len(self._buffer):
            self._buffer += data
            self.received += len(data)
        if len(self._buffer) == self._total:
            assert hashlib.sha256(self._buffer).digest() == self._sha
            self.waiting = bytes(self._buffer)
        return {"off": len(self._buffer)}

    def _set_state(self, digest: bytes, *, confirm: bool) -> bool:
        if digest == image_hash(self.running):
            self.confirmed = self.confirmed or confirm
            return True
        self.pending = bool(self.waiting) and digest == image_hash(self.waiting)
        return self.pending

    def _images(self) -> Iterator[dict[str, Any]]:
        active = {"slot": 0, "version": "1.0.0", "hash": image_hash(self.running), "bootable": True}
        yield active | {"active": True} | ({"confirmed": True} if self.confirmed else {})
        if self.waiting:
            waiting = {"slot": 1, "version": "1.0.0", "hash": image_hash(self.waiting), "bootable": True}
            yield waiting | ({"pending": True} if self.pending else {})

    def reset(self) -> None:
        """Start anew: an image that waits is tried, one that was not confirmed is put back."""
        if (self.pending and self.trusts) or not self.confirmed:
            self.running, self.waiting = self.waiting, self.running
            self.confirmed = not self.pending
        self.pending = False


@contextmanager
def served(board: Mcuboot) -> Iterator[Mcuboot]:
    """Let a stand-in answer until the block ends; its address is then in `board.url`."""
    with listening(partial(_talk, board)) as board.url:
        yield board


def _talk(board: Mcuboot, client: socket.socket) -> None:
    decoder = _decoder()
    for line in client.makefile("rb"):
        try:
            decoder.send(line)
            continue
        except StopIteration as complete:
            request = bytes(complete.value)
        decoder = _decoder()
        first, _, _, group, sequence, number = struct.unpack_from("!BBHHBB", request)
        answer = cbor2.dumps(board.answer(first & 7, (group, number), cbor2.loads(request[8:])))
        header = struct.pack("!BBHHBB", first | 1, 0, len(answer), group, sequence, number)
        for each in packet.encode(header + answer):
            client.sendall(each)
        if (group, number) == _RESET:
            board.reset()
            if board.hangs_up:
                return


def _decoder() -> Any:
    decoder = packet.decode()
    next(decoder)
    return decoder
