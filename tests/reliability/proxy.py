"""A link between a device and its broker that behaves as bad ones do: slow, silent, cut, repeating."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

_CHUNK = 4096
#: Seconds between two looks at whether the link may carry again.
_LOOK_S = 0.02
_PUBLISH, _DUP = 0x30, 0x08

#: Makes of one packet for the device the packets that arrive, in order.
Mischief = Callable[[bytes], list[bytes]]


class Proxy:
    """A TCP proxy on the loopback interface.

    Parameters
    ----------
    broker : int
        Port that connections are passed on to.

    Attributes
    ----------
    port : int
        Where the device connects.
    silent : bool
        Carry nothing and close nothing, as a link does whose other end has lost its power.
    bytes_per_s : int or None
        Carry so much each way at most.
    mischief : callable or None
        Done to every packet for the device.
    """

    def __init__(self, broker: int) -> None:
        self.silent = False
        self.bytes_per_s: int | None = None
        self.mischief: Mischief | None = None
        self._broker = broker
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._closed = False

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._listener.close()
        self.cut()

    def improve(self) -> None:
        """Carry everything as it comes from now on."""
        self.silent, self.bytes_per_s, self.mischief = False, None, None

    def cut(self) -> None:
        """Reset every connection."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                device, _ = self._listener.accept()
                try:
                    broker = socket.create_connection(("127.0.0.1", self._broker))
                except OSError:
                    device.close()
                    continue
                for end in (device, broker):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._open.add(end)
                for way in ((device, broker, _chunks), (broker, device, self._packets)):
                    threading.Thread(target=self._carry, args=way, daemon=True).start()

    def _carry(
        self, source: socket.socket, target: socket.socket, parts: Callable[[socket.socket], Iterator[bytes]]
    ) -> None:
        with contextlib.suppress(OSError):
            for part in parts(source):
                while self.silent and not self._closed:
                    time.sleep(_LOOK_S)
                if self.bytes_per_s is not None:
                    time.sleep(len(part) / self.bytes_per_s)
                target.sendall(part)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _packets(self, source: socket.socket) -> Iterator[bytes]:
        """What the broker sends, packet by packet, with the mischief that is done to it."""
        waiting = b""
        for chunk in _chunks(source):
            waiting += chunk
            while (length := _length(waiting)) is not None:
                packet, waiting = waiting[:length], waiting[length:]
                yield from [packet] if self.mischief is None else self.mischief(packet)


def repeat(packet: bytes) -> list[bytes]:
    """Deliver every message twice, the second time as a repetition: for when its acknowledgement is lost."""
    return [packet, bytes([packet[0] | _DUP]) + packet[1:]] if _carries_qos_1(packet) else [packet]


class Shuffle:
    """Delivers every second message after the one that follows it, and everything twice."""

    def __init__(self) -> None:
        self._held: bytes | None = None

    def __call__(self, packet: bytes) -> list[bytes]:
        if not _carries_qos_1(packet):
            return [packet]
        if self._held is None:
            self._held = packet
            return []
        held, self._held = self._held, None
        return [*repeat(packet), *repeat(held)]


def _carries_qos_1(packet: bytes) -> bool:
    return packet[0] & 0xF6 == _PUBLISH | 0x02


def _chunks(source: socket.socket) -> Iterator[bytes]:
    while chunk := source.recv(_CHUNK):
        yield chunk


def _length(data: bytes) -> int | None:
    """Length of the packet that data begins with, or None where it is not all there."""
    length, shift = 0, 0
    for place in range(1, min(len(data), 5)):
        length |= (data[place] & 127) << shift
        shift += 7
        if data[place] < 128:
            return 1 + place + length if len(data) >= 1 + place + length else None
    return None
