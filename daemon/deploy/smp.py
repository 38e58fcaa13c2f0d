"""SMP packets: eight bytes of header and a map in CBOR.

Zephyr's `SMP protocol
<https://docs.zephyrproject.org/latest/services/device_mgmt/smp_protocol.html>`_, in its second version.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from daemon.errors import MalformedBody
from daemon.wire import cbor

_HEADER = struct.Struct("!BBHHBB")
_VERSION = 1

#: Bytes of a packet before its map.
HEADER_SIZE = _HEADER.size

#: Commands by group and number. Group 64 is the reference firmware's; see docs/device-protocol.md.
ECHO, RESET, PARAMETERS = (0, 0), (0, 5), (0, 6)
IMAGE_STATE, IMAGE_UPLOAD, IMAGE_ERASE = (1, 0), (1, 1), (1, 5)
MODEL_INFO, MODEL_RUN, MODEL_SAMPLES, MODEL_SAMPLING = (64, 0), (64, 1), (64, 2), (64, 3)
MODEL_GROUP = 64


class Operation(IntEnum):
    """What a request wants; the answer's operation is one more."""

    READ = 0
    WRITE = 2


@dataclass(frozen=True)
class Answer:
    """What came back.

    Parameters
    ----------
    sequence : int
        That of the request, 0..255.
    command : tuple of int
        Group and number.
    members : dict
        The map.
    """

    sequence: int
    command: tuple[int, int]
    members: dict[str, Any]

    @property
    def error(self) -> tuple[int | None, int] | None:
        """Group (None where the code is SMP's own) and code of a refusal; None where it is none."""
        told = self.members.get("err")
        if isinstance(told, dict) and isinstance(told.get("rc"), int):
            group = told.get("group")
            return (group if isinstance(group, int) else None), told["rc"]
        code = self.members.get("rc", 0)
        return (None, code) if isinstance(code, int) and code != 0 else None


def request(operation: Operation, command: tuple[int, int], sequence: int, members: dict[str, Any]) -> bytes:
    """The packet of a request.

    Parameters
    ----------
    operation : Operation
    command : tuple of int
        Group and number.
    sequence : int
        0..255; the answer has the same.
    members : dict
        Its map.
    """
    body = cbor.encode(members)
    group, number = command
    return _HEADER.pack(_VERSION << 3 | operation, 0, len(body), group, sequence, number) + body


def read_answer(packet: bytes) -> Answer | None:
    """Read a packet; None where it is no answer or not well-formed."""
    if len(packet) < HEADER_SIZE:
        return None
    first, _, length, group, sequence, number = _HEADER.unpack_from(packet)
    body = packet[HEADER_SIZE:]
    if first & 1 == 0 or length != len(body):
        return None
    try:
        item = cbor.decode(body)
    except MalformedBody:
        return None
    if item.end != len(body) or not isinstance(item.value, dict):
        return None
    return Answer(sequence, (group, number), item.value)
