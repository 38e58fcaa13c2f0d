"""SMP over a serial console: lines of base64 around a length, a packet and a CRC.

Zephyr's `SMP over console <https://docs.zephyrproject.org/latest/services/device_mgmt/smp_transport.html>`_.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

_START, _CONTINUE = b"\x06\x09", b"\x04\x14"
#: Bytes of a frame in one line: 124 characters, with the mark and the newline 127.
_LINE_BYTES = 93
#: Most bytes that a line may have before it is taken for noise.
_MAX_LINE = 512
#: Bytes of a frame's length, and of its CRC.
OVERHEAD = 2 + 2


def encode(packet: bytes) -> bytes:
    """The lines of a packet.

    Parameters
    ----------
    packet : bytes
        At most 65,533.
    """
    framed = (len(packet) + 2).to_bytes(2, "big") + packet + binascii.crc_hqx(packet, 0).to_bytes(2, "big")
    lines = bytearray()
    for at in range(0, len(framed), _LINE_BYTES):
        lines += _START if at == 0 else _CONTINUE
        lines += base64.b64encode(framed[at : at + _LINE_BYTES]) + b"\n"
    return bytes(lines)


class Decoder:
    """Finds packets in what comes over a line; whatever else comes is passed over.

    Text of the board, noise, lines cut off and frames with a wrong CRC cost themselves only: the next frame
    that is whole is found.
    """

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._frame: bytearray | None = None

    def feed(self, received: bytes) -> Iterator[bytes]:
        """Take what has come; gives each packet that is now complete."""
        self._waiting += received
        while (end := self._waiting.find(b"\n")) >= 0:
            line = bytes(self._waiting[:end])
            del self._waiting[: end + 1]
            packet = self._take(line)
            if packet is not None:
                yield packet
        # Less is kept of a line that has no end than would be taken for one.
        del self._waiting[:-_MAX_LINE]

    def _take(self, line: bytes) -> bytes | None:
        """A whole line; the packet that it ends, or None."""
        start, again = line.rfind(_START), line.rfind(_CONTINUE)
        if start < 0 and again < 0:
            return None
        frame = bytearray() if start > again else self._frame
        self._frame = None
        if frame is None:
            return None
        try:
            frame += base64.b64decode(line[max(start, again) + 2 :].rstrip(b"\r"), validate=True)
        except ValueError:
            return None
        # Lines may be short: what comes first is the length, and no frame grows beyond what it says.
        if len(frame) < 2:
            return None
        length = int.from_bytes(frame[:2], "big")
        if len(frame) < length + 2:
            self._frame = frame
            return None
        checked = bytes(frame[2:])
        return checked[:-2] if len(checked) == length and binascii.crc_hqx(checked, 0) == 0 else None
