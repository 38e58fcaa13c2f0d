"""A serial device for tools that take nothing else, in front of a URL."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Iterator

from daemon.deploy.serial_link import SerialLink
from daemon.errors import BoardUnreachable

_TICK_S = 0.05


@contextlib.contextmanager
def terminal(url: str, baud: int, parity: str) -> Iterator[str]:
    """Name of a pseudo-terminal that leads to a serial port somewhere else, as long as the block lasts.

    Parameters
    ----------
    url : str
        Address that pyserial knows: ``socket://host:port``, ``rfc2217://host:port``.
    baud : int
        What a port that knows rates is set to; the pseudo-terminal knows none.
    parity : str
        ``N``, ``E`` or ``O``.

    Raises
    ------
    BoardUnreachable
        Nobody answers there.
    """
    with SerialLink(url, baud, parity) as link:
        near, far = pty.openpty()
        tty.setraw(far)
        over = threading.Event()
        threads = [
            threading.Thread(target=copy, args=(link, near, over), daemon=True)
            for copy in (_inward, _outward)
        ]
        try:
            for thread in threads:
                thread.start()
            yield os.ttyname(far)
        finally:
            over.set()
            for thread in threads:
                thread.join()
            os.close(near)
            os.close(far)


def _inward(link: SerialLink, near: int, over: threading.Event) -> None:
    """From the board to the tool; a line that breaks falls silent, and the tool says so."""
    with contextlib.suppress(BoardUnreachable, OSError):
        while not over.is_set():
            if data := link.read(time.monotonic() + _TICK_S):
                os.write(near, data)


def _outward(link: SerialLink, near: int, over: threading.Event) -> None:
    """From the tool to the board."""
    with contextlib.suppress(BoardUnreachable, OSError):
        while not over.is_set():
            if select.select([near], [], [], _TICK_S)[0]:
                link.write(os.read(near, 4096))
