"""A runner of MLPerf Tiny, as an outside one drives a device: commands, and lines until ``m-ready``."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import Protocol

import serial

TIMEOUT_S = 30.0
# What EEMBC's runner sends in one command at most.
BYTES_PER_COMMAND = 31


class Connection(Protocol):
    """What a runner needs of a socket."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it."""

    def recv(self, size: int, /) -> bytes:
        """Some of what has come, nothing at the end."""

    def close(self) -> None:
        """Leave the device."""


@dataclass
class _Port:
    """A serial port as a `Connection`."""

    port: serial.SerialBase

    def sendall(self, data: bytes) -> None:
        self.port.write(data)

    def recv(self, size: int) -> bytes:
        # A port waits until all is there that is asked for, and how much comes is not known.
        return bytes(self.port.read(min(size, 1)))

    def close(self) -> None:
        self.port.close()


@dataclass
class Runner:
    """A device that is driven over a connection."""

    connection: Connection
    _waiting: bytearray = field(default_factory=bytearray)

    @classmethod
    def to(cls, port: int) -> Runner:
        """Connect to a device on the loopback interface."""
        connection = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connection)

    @classmethod
    def at(cls, port: str, baud: int) -> Runner:
        """Open a port, as pyserial names it."""
        return cls(_Port(serial.serial_for_url(port, baud, timeout=TIMEOUT_S, exclusive=None)))

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, command: str) -> list[str]:
        """Send a command and give the lines of its answer, the last one left out."""
        self.connection.sendall(f"{command}%".encode())
        lines: list[str] = []
        while not lines or lines[-1] != "m-ready":
            lines.append(self._line())
        return lines[:-1]

    def load(self, data: bytes) -> list[str]:
        """Load a row; gives the last answer."""
        lines = self.send(f"db load {len(data)}")
        for at in range(0, len(data), BYTES_PER_COMMAND):
            lines = self.send(f"db {data[at : at + BYTES_PER_COMMAND].hex()}")
        return lines

    def infer(self, count: int, warm_up: int) -> tuple[list[float], int]:
        """Results of the row that was loaded, and the microseconds of all the inferences."""
        lines = self.send(f"infer {count} {warm_up}")
        laps = [int(lap) for line in lines for lap in re.findall(r"^m-lap-us-(\d+)$", line)]
        (results,) = (match for line in lines for match in re.findall(r"^m-results-\[([^]]+)\]$", line))
        return [float(value) for value in results.split(",")], laps[1] - laps[0]

    def _line(self) -> str:
        while b"\r\n" not in self._waiting:
            piece = self.connection.recv(4096)
            if not piece:
                raise ConnectionResetError("the device is gone")
            self._waiting += piece
        line, _, rest = bytes(self._waiting).partition(b"\r\n")
        self._waiting[:] = rest
        return line.decode("ascii")
