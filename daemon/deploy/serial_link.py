"""A line to a board: a serial device, or a URL that pyserial knows; for one user at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import serial

from daemon.errors import BoardUnreachable

#: Longest wait for a byte before the clock is looked at again, in seconds.
_SLICE_S = 0.05
_WRITE_S = 10.0


class LineLost(BoardUnreachable):
    """A line that was open and is not any more."""


class SerialLink:
    """A line, open inside a ``with`` statement.

    Parameters
    ----------
    port : str
        Device file, or a URL: ``socket://host:port``, ``rfc2217://host:port``.
    baud : int
        Bits per second; of no meaning to a socket.
    parity : str
        ``N``, ``E`` or ``O``; some bootloaders want even.

    Raises
    ------
    BoardUnreachable
        On entry and later: the port is missing, in use, not to be opened, or gone.
    """

    def __init__(self, port: str, baud: int = 115200, parity: str = "N") -> None:
        self.port = port
        self._baud = baud
        self._parity = parity
        self._serial: Any = None
        self._socket: socket.socket | None = None

    def __enter__(self) -> SerialLink:
        try:
            self._serial = serial.serial_for_url(
                self.port,
                baudrate=self._baud,
                parity=self._parity,
                timeout=_SLICE_S,
                # Over RFC 2217 pyserial has a limit of its own, and takes none.
                write_timeout=None if self.port.startswith("rfc2217:") else _WRITE_S,
                do_not_open=True,
            )
            if "://" not in self.port:
                # Against those that ask for the lock; the kernel then keeps the others out.
                self._serial.exclusive = True
            self._serial.open()
            if "://" not in self.port:
                fcntl.ioctl(self._serial.fd, termios.TIOCEXCL)
        except (serial.SerialException, OSError, ValueError, termios.error) as error:
            # A port that is not wholly ours does not stay open.
            self._close()
            raise _explain(self.port, error) from error
        # pyserial hands a socket's bytes out one by one, and lets small packets wait.
        self._socket = getattr(self._serial, "_socket", None) if self.port.startswith("socket:") else None
        if self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "://" not in self.port:
            # A device that was pulled has no lock to give back.
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._serial.fd, termios.TIOCNXCL)
        self._close()
        # pyserial leaves a socket open whose other end is gone.
        if self._socket is not None:
            self._socket.close()

    def _close(self) -> None:
        if self._serial is not None:
            # What is gone already needs no closing.
            with contextlib.suppress(serial.SerialException, OSError):
                self._serial.close()

    def write(self, data: bytes) -> None:
        """Send bytes; returns when they are handed over."""
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            raise self._gone(error) from error

    def read(self, until: float) -> bytes:
        """What has come, or b"" where nothing came until then on the monotonic clock."""
        while True:
            try:
                received = self._receive()
            except (serial.SerialException, OSError, TypeError) as error:
                raise self._gone(error) from error
            if received or time.monotonic() >= until:
                return received

    def _receive(self) -> bytes:
        """What is there, or comes within a slice of time."""
        if self._socket is None:
            received: bytes = self._serial.read(max(1, self._serial.in_waiting))
            return received
        if not select.select([self._socket], [], [], _SLICE_S)[0]:
            return b""
        received = self._socket.recv(4096)
        if not received:
            raise ConnectionResetError("the other end has closed the connection")
        return received

    def _gone(self, error: Exception) -> LineLost:
        return LineLost(
            f"{self.port} is gone ({error}): check the cable and the board's power", retryable=True
        )


def _explain(port: str, error: Exception) -> BoardUnreachable:
    """Why a port could not be opened, and what to do."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT or (number is None and "://" not in port and not Path(port).exists()):
        return BoardUnreachable(
            f"there is no port {port}: plug the board in, or name another port in [targets]", retryable=True
        )
    if number in (errno.EACCES, errno.EPERM):
        return BoardUnreachable(
            f"{port} may not be opened: put this user into the group that owns it, or install the udev rules"
        )
    if number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        by = _users(port)
        return BoardUnreachable(
            f"{port} is in use{f' by {by}' if by else ''}: end that program first", retryable=True
        )
    if "://" in port and isinstance(error.__context__, OSError):
        why = error.__context__.strerror or error.__context__
        return BoardUnreachable(
            f"{port} cannot be opened ({why}): start what listens there, or name another port in [targets]",
            retryable=True,
        )
    return BoardUnreachable(f"{port} cannot be opened: {error}", retryable=True)


def _users(port: str) -> str:
    """Programs that hold a device open, as far as this user may see them."""
    device = os.path.realpath(port)
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            process = link.parents[1]
            if str(link.readlink()) == device and process.name != str(os.getpid()):
                found.add(f"{(process / 'comm').read_text().strip()} (process {process.name})")
    return ", ".join(sorted(found))
