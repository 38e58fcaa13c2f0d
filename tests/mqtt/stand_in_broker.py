"""A stand-in for a broker, on a socket: it sends what real ones send only when they are unlucky.

It speaks as much of MQTT 3.1.1 as one daemon needs, to one connection at a time: redeliveries with
packet ids of a test's choice, sessions that are kept or forgotten, connections cut at will.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import struct
import threading
from typing import Any

from tests.harness import PATIENCE, Daemon, wait_until

_CONNECT, _PUBLISH, _PUBACK, _SUBSCRIBE, _PINGREQ, _DISCONNECT = 1, 3, 4, 8, 12, 14


class StandInBroker:
    """The broker's side of one daemon's connections.

    Parameters
    ----------
    daemon : Daemon
        The daemon; it must be configured for this broker's port and MQTT 3.1.1.
    listener : socket
        Where the daemon connects.
    """

    def __init__(self, daemon: Daemon, listener: socket.socket) -> None:
        self.daemon = daemon
        self.root = f"trainerd/{daemon.device}"
        self.acknowledged: list[int] = []
        self._listener = listener
        self._peer: socket.socket | None = None
        self._messages: dict[str, queue.Queue[bytes]] = {}
        self._acknowledgements: queue.Queue[int] = queue.Queue()
        self._subscribed = threading.Event()
        self._lock = threading.Lock()

    def accept(self, *, session_present: bool) -> None:
        """Take the daemon's next connection, up to its subscription."""
        self._listener.settimeout(PATIENCE)
        self._peer, _ = self._listener.accept()
        self._subscribed.clear()
        self.acknowledged.clear()
        self._acknowledgements = queue.Queue()
        threading.Thread(target=self._listen, args=(self._peer, session_present), daemon=True).start()
        assert self._subscribed.wait(PATIENCE), "the daemon did not subscribe"

    def reconnect(self, *, session_present: bool) -> None:
        """Cut the connection, and take the next one."""
        self.close()
        self.accept(session_present=session_present)

    def restart_daemon(self, *, session_present: bool) -> None:
        """Kill the daemon, and take the connection of the next one."""
        self.daemon.kill()
        self.close()
        self._messages.clear()
        self.daemon.start(wait=False)
        self.accept(session_present=session_present)

    def close(self) -> None:
        """Cut the connection."""
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._peer.shutdown(socket.SHUT_RDWR)
            self._peer.close()

    def deliver(self, topic: str, payload: bytes, packet_id: int, *, duplicate: bool = False) -> None:
        """Send a message at QoS 1."""
        name = topic.encode()
        body = struct.pack("!H", len(name)) + name + struct.pack("!H", packet_id) + payload
        self._send(_PUBLISH, body, flags=0b0010 | (0b1000 if duplicate else 0))

    def next_message(self, topic: str) -> dict[str, Any]:
        """The next message that the daemon publishes to a topic."""
        wait_until(f"a message to {topic}", lambda: topic in self._messages)
        found: dict[str, Any] = json.loads(self._messages[topic].get(timeout=PATIENCE))
        return found

    def waiting(self, topic: str) -> int:
        """How many messages to a topic nobody has looked at."""
        return self._messages[topic].qsize() if topic in self._messages else 0

    def next_acknowledgement(self, packet_id: int) -> None:
        """Wait for the daemon's next acknowledgement, which must be this one."""
        assert self._acknowledgements.get(timeout=PATIENCE) == packet_id

    def _listen(self, peer: socket.socket, session_present: bool) -> None:
        with contextlib.suppress(OSError), peer.makefile("rb") as stream:
            while header := stream.read(1):
                kind, flags = header[0] >> 4, header[0] & 15
                body = stream.read(_read_length(stream))
                if kind == _CONNECT:
                    self._send(2, bytes([int(session_present), 0]))
                elif kind == _SUBSCRIBE:
                    # One byte a filter: QoS 1.
                    self._send(9, body[:2] + bytes([1]) * _count_filters(body[2:]))
                    self._subscribed.set()
                elif kind == _PUBLISH:
                    self._take(body, (flags >> 1) & 3)
                elif kind == _PUBACK:
                    self.acknowledged.append(struct.unpack("!H", body)[0])
                    self._acknowledgements.put(self.acknowledged[-1])
                elif kind == _PINGREQ:
                    self._send(13, b"")
                elif kind == _DISCONNECT:
                    return

    def _take(self, body: bytes, qos: int) -> None:
        length = struct.unpack("!H", body[:2])[0]
        topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
        if qos:
            self._send(_PUBACK, rest[:2])
            rest = rest[2:]
        self._messages.setdefault(topic, queue.Queue()).put(rest)

    def _send(self, kind: int, body: bytes, flags: int = 0) -> None:
        length = bytearray()
        rest = len(body)
        while True:
            rest, digit = divmod(rest, 128)
            length.append(digit | (128 if rest else 0))
            if not rest:
                break
        with self._lock:
            assert self._peer is not None
            self._peer.sendall(bytes([kind << 4 | flags]) + bytes(length) + body)


def _read_length(stream: Any) -> int:
    value, shift = 0, 0
    while True:
        digit = int(stream.read(1)[0])
        value |= (digit & 127) << shift
        if digit < 128:
            return value
        shift += 7


def _count_filters(body: bytes) -> int:
    count = 0
    while body:
        body = body[2 + struct.unpack("!H", body[:2])[0] + 1 :]
        count += 1
    return count
