"""A serial device for tools that take nothing else, in front of a URL."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Iterator
from typing import Any

from daemon.deploy.flashers.flasher import STAGE
from daemon.errors import BoardUnreachable

_TICK_S = 0.05


@contextlib.contextmanager
def terminal(url: str, baud: int, parity: str) -> Iterator[str]:
    """Name of a pseudo-terminal that leads to a serial port somewhere else, as long as the block lasts.

    Parameters
    ----------
    url : str
        ``socket://`` or ``rfc2217://`` address, as pyserial reads it.
    baud : int
        What a port that knows rates is set to; the pseudo-terminal knows none.
    parity : str
        ``N``, ``E`` or ``O``.

    Raises
    ------
    BoardUnreachable
        Nobody answers there.
    """
    import serial

    try:
        port = serial.serial_for_url(url, baudrate=baud, parity=parity, timeout=_TICK_S)
    except (serial.SerialException, ValueError) as error:
        raise BoardUnreachable(f"{url} does not answer: {error}", stage=STAGE, retryable=True) from None
    if isinstance(wire := getattr(port, "_socket", None), socket.socket):
        # Tools write byte by byte: without it each would wait for the acknowledgment of the one before.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    near, far = pty.openpty()
    tty.setraw(far)
    over = threading.Event()
    threads = [
        threading.Thread(target=copy, args=(port, near, over), daemon=True) for copy in (_inward, _outward)
    ]
    try:
        for thread in threads:
            thread.start()
        yield os.ttyname(far)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        port.close()
        os.close(near)
        os.close(far)


def _inward(port: Any, near: int, over: threading.Event) -> None:
    """From the board to the tool; a line that breaks falls silent, and the tool says so."""
    with contextlib.suppress(OSError):
        while not over.is_set():
            if data := port.read(max(port.in_waiting, 1)):
                os.write(near, data)


def _outward(port: Any, near: int, over: threading.Event) -> None:
    """From the tool to the board."""
    with contextlib.suppress(OSError):
        while not over.is_set():
            if select.select([near], [], [], _TICK_S)[0]:
                port.write(os.read(near, 4096))
