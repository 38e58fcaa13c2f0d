"""SMP over a socket, by an outside implementation of its frames: what the firmware is spoken to with here."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from smp import packet

from hw_tests.boards.peer import Peer

READ, WRITE = 0, 2
OS, IMAGE, MODEL = 0, 1, 64
TIMEOUT_S = 20.0


@dataclass
class Refused(Exception):
    """The board's answer is an error.

    Attributes
    ----------
    group : int or None
        Whose code it is; None for SMP's own.
    rc : int
    """

    group: int | None
    rc: int


@dataclass
class Line:
    """A client of one board.

    Attributes
    ----------
    version : int
        Of SMP, as in the header: 0 or 1.
    """

    connection: socket.socket
    version: int = 1
    sequence: int = 0
    _waiting: bytearray = field(default_factory=bytearray)

    @classmethod
    def to(cls, peer: Peer) -> Line:
        """Connect."""
        connection = socket.create_connection(("127.0.0.1", peer.port), TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connection)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def ask(self, operation: int, group: int, command: int, /, **members: Any) -> dict[str, Any]:
        """Send a request and give the answer's members.

        Raises
        ------
        Refused
            The answer is an error.
        OSError
            The line is gone.
        """
        self.sequence = (self.sequence + 1) % 256
        body = cbor2.dumps(members)
        first = self.version << 3 | operation
        self.send(struct.pack("!BBHHBB", first, 0, len(body), group, self.sequence, command) + body)
        while (answer := self.receive())[6] != self.sequence:
            pass  # of a request that was given up
        first, _, length, answering, _, echoed = struct.unpack("!BBHHBB", answer[:8])
        assert (first, length) == (self.version << 3 | operation | 1, len(answer) - 8)
        assert (answering, echoed) == (group, command)
        given: dict[str, Any] = cbor2.loads(answer[8:])
        if "err" in given:
            raise Refused(given["err"]["group"], given["err"]["rc"])
        if given.get("rc", 0) != 0:
            raise Refused(None, given["rc"])
        return given

    def reset(self) -> None:
        """Have the board start anew, and wait until it hears again."""
        self.ask(WRITE, OS, 5)
        self.wait()

    def wait(self) -> None:
        """Wait until a board that may be starting hears: what comes in before is lost."""
        for _ in range(50):
            self.connection.settimeout(TIMEOUT_S / 50)
            try:
                self.ask(WRITE, OS, 0, d="")
                break
            except TimeoutError:
                continue
        else:
            raise TimeoutError("the board does not answer")
        self.connection.settimeout(TIMEOUT_S)

    def send(self, request: bytes) -> None:
        """Send a packet in lines."""
        for line in packet.encode(request):
            self.connection.sendall(line)

    def receive(self) -> bytes:
        """Wait for a packet; lines that belong to none are passed over."""
        decoder = packet.decode()
        next(decoder)
        try:
            while True:
                line = self.read_line()
                if line[:1] in {b"\x06", b"\x04"}:
                    decoder.send(line)
        except StopIteration as whole:
            return bytes(whole.value)

    def read_line(self) -> bytes:
        """Wait for a line, its newline included."""
        while b"\n" not in self._waiting:
            piece = self.connection.recv(4096)
            if not piece:
                raise ConnectionResetError("the board is gone")
            self._waiting += piece
        end = self._waiting.index(b"\n") + 1
        line = bytes(self._waiting[:end])
        del self._waiting[:end]
        return line
