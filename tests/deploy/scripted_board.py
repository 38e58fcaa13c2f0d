"""A board that does as a test says: what it sends for each request, or nothing, or noise."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from daemon.deploy import smp_serial
from daemon.wire import cbor

_HEADER = struct.Struct("!BBHHBB")


@dataclass(frozen=True)
class Asked:
    """A request that came.

    Parameters
    ----------
    operation : int
        0 reads, 2 writes.
    command : tuple of int
        Group and number.
    sequence : int
    members : dict
        The map.
    """

    operation: int
    command: tuple[int, int]
    sequence: int
    members: dict[str, Any]

    def answered(self, members: dict[str, Any]) -> bytes:
        """The line that answers it."""
        body = cbor.encode(members)
        group, number = self.command
        header = _HEADER.pack(8 | self.operation + 1, 0, len(body), group, self.sequence, number)
        return smp_serial.encode(header + body)


@contextmanager
def scripted_board(answer: Callable[[Asked], bytes], greeting: bytes = b"") -> Iterator[str]:
    """Listen as a board, and give the URL.

    Parameters
    ----------
    answer : callable
        What goes over the line for a request.
    greeting : bytes
        What goes over the line first.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer, greeting))
        thread.start()
        try:
            yield f"socket://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            # Where no client came, or the last is still there, the wait ends with this.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, answer: Callable[[Asked], bytes], greeting: bytes) -> None:
    """Serve one client until it leaves."""
    with contextlib.suppress(OSError):
        client, _ = listener.accept()
        with client:
            client.sendall(greeting)
            decoder = smp_serial.Decoder()
            while received := client.recv(4096):
                for packet in decoder.feed(received):
                    first, _, _, group, sequence, number = _HEADER.unpack_from(packet)
                    members = cbor.decode(packet[_HEADER.size :]).value
                    client.sendall(answer(Asked(first & 7, (group, number), sequence, members)))
