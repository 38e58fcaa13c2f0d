"""A board's line as a terminal of this machine, for clients that open nothing else."""

from __future__ import annotations

import os
import select
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from hw_tests.boards.peer import Peer


@contextmanager
def terminal(board: Peer) -> Iterator[str]:
    """Give the path of a terminal that leads to a board."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    ending, end = os.pipe()
    with socket.create_connection(("127.0.0.1", board.port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def carry() -> None:
            while True:
                ready, _, _ = select.select([ours, line.fileno(), ending], [], [])
                if ending in ready:
                    return
                if ours in ready:
                    line.sendall(os.read(ours, 4096))
                if line.fileno() in ready:
                    os.write(ours, line.recv(4096))

        carrier = threading.Thread(target=carry)
        carrier.start()
        try:
            yield os.ttyname(theirs)
        finally:
            os.write(end, b"\0")
            carrier.join()
            for handle in (ours, theirs, ending, end):
                os.close(handle)
