"""Lines that a gateway opens: shared serial servers, devices of other programs, devices that are pulled."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import serial
from serial.rfc2217 import PortManager

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import LineLost, SerialLink
from daemon.deploy.update import update_slot
from daemon.errors import BoardUnreachable
from hw_tests.boards.peer import Peer, peer
from tests.deploy.linear import KEY_FLAG, linear
from tests.deploy.test_update import nothing, sign
from tests.harness import free_port

_HOLD = """
import sys, serial
port = serial.Serial(sys.argv[1], exclusive=True)
print("held", flush=True)
sys.stdin.read()
"""


class _Connection:
    """A client's connection, as pyserial's server wants it."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def write(self, data: bytes) -> None:
        self._client.sendall(data)


@contextmanager
def serial_server(board: Peer) -> Iterator[str]:
    """A server of RFC 2217 in front of a board, for one client; gives its URL."""
    over = threading.Event()

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, serial.serial_for_url(board.url, timeout=0.01) as port:
            client.settimeout(0.01)
            # The stubs ask for the client's kind of port, which a server does not have.
            manager = PortManager(cast(Any, port), cast(Any, _Connection(client)))
            while not over.is_set():
                received = port.read(4096)
                if received:
                    client.sendall(b"".join(manager.escape(received)))
                try:
                    asked = client.recv(4096)
                except TimeoutError:
                    continue
                if not asked:
                    return
                port.write(b"".join(manager.filter(asked)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"rfc2217://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


# pyserial's own, in its thread that reads.
@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_a_board_behind_a_serial_server_is_updated() -> None:
    with peer(flags=[KEY_FLAG]) as board, serial_server(board) as url, SerialLink(url) as link:
        done = update_slot(BoardSession(link), linear(version=4), sign, nothing)
    assert (done.info.version, done.info.confirmed, done.vectors) == (4, True, 2)


@pytest.fixture
def device() -> Iterator[tuple[int, str]]:
    """A terminal: the board's end, and the path of the gateway's."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    os.close(theirs)
    yield ours, path
    os.close(ours)


def test_the_program_that_has_a_port_is_named(device: tuple[int, str]) -> None:
    _, path = device
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BoardUnreachable, match=f"{path} is in use by .*process {holder.pid}") as failed:
            SerialLink(path).__enter__()
        holder.communicate()
    assert failed.value.retryable
    with SerialLink(path):
        pass


def test_a_device_that_is_pulled_is_told() -> None:
    ours, theirs = os.openpty()
    path = os.ttyname(theirs)
    os.close(theirs)
    with SerialLink(path) as link:
        assert link.read(time.monotonic()) == b""
        os.close(ours)
        with pytest.raises(LineLost, match=f"{path} is gone .*check the cable"):
            link.read(time.monotonic() + 5)


def test_a_device_that_is_pulled_while_it_is_opened_is_told(
    device: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def pulled(*_: object) -> None:
        raise termios.error(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(termios, "tcflush", pulled)
    _, path = device
    with pytest.raises(BoardUnreachable, match=f"{path} cannot be opened"):
        SerialLink(path).__enter__()


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_device_that_takes_no_lock_is_let_go(
    device: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTTY, "no such call")

    link, before = SerialLink(device[1]), _open_files()
    monkeypatch.setattr("daemon.deploy.serial_link.fcntl.ioctl", refuse)
    with pytest.raises(BoardUnreachable, match="cannot be opened"):
        link.__enter__()
    assert _open_files() == before


def test_a_device_that_was_pulled_is_let_go() -> None:
    """A kernel gives its name to no other device while it is open."""
    ours, theirs = os.openpty()
    link = SerialLink(os.ttyname(theirs))
    os.close(theirs)
    before = _open_files()
    with link:
        os.close(ours)
    assert _open_files() == before - 1


def test_a_server_that_is_not_there_is_told_with_what_to_do() -> None:
    url = f"socket://127.0.0.1:{free_port()}"
    with pytest.raises(BoardUnreachable, match=r"cannot be opened .Connection refused.: start") as failed:
        SerialLink(url).__enter__()
    assert failed.value.retryable
