"""A stand-in for the bootloader in an ESP32-C3's ROM, on a TCP port.

It is ours, not Espressif's: it speaks as much of the serial protocol that esptool's documentation
describes (advanced topics, serial protocol) as it takes to write, read and check a flash without the stub. It
shows that command line, image and addresses are right, not how a real ROM behaves.
"""

from __future__ import annotations

import functools
import hashlib
import operator
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.deploy.flashers.listening import listening

_FLASH_BEGIN, _FLASH_DATA, _SYNC, _WRITE_REG, _READ_REG = 0x02, 0x03, 0x08, 0x09, 0x0A
_READ_FLASH_SLOW, _FLASH_MD5, _SECURITY_INFO = 0x0E, 0x13, 0x14
_CHIP_MAGIC_REGISTER, _CHIP_MAGIC, _CHIP_ID = 0x4000_1000, 0x1B31_506F, 5
#: Registers of the flash controller: a command is started by a bit, the id of the flash comes back in W0.
_SPI_COMMAND, _SPI_COMMAND_WORD, _SPI_W0 = 0x6000_2000, 0x6000_2020, 0x6000_2058
_SPI_START, _READ_JEDEC_ID, _JEDEC_4MB = 1 << 18, 0x9F, 0x16_4020
_WRONG_CHECKSUM = b"\x01\x07\x00\x00"
_END, _ESCAPE = 0xC0, 0xDB


@dataclass
class Rom:
    """What is behind the port.

    Parameters
    ----------
    forgets : int or None
        Offset of a byte that stays as it is, whatever is written.
    breaks_after : int or None
        Blocks after which the line breaks, once.
    """

    forgets: int | None = None
    breaks_after: int | None = None
    flash: bytearray = field(default_factory=lambda: bytearray(b"\xff" * 0x40_0000))
    url: str = ""
    _registers: dict[int, int] = field(default_factory=lambda: {_CHIP_MAGIC_REGISTER: _CHIP_MAGIC})
    _place: tuple[int, int] = (0, 0)
    _blocks: int = 0

    def answer(self, packet: bytes) -> Iterator[bytes]:
        """Replies to one packet."""
        _, command, _, checksum = struct.unpack_from("<BBHI", packet)
        body = packet[8:]
        value, data, status = 0, b"", bytes(4)
        if command == _READ_REG:
            value = self._registers.get(struct.unpack("<I", body)[0], 0)
        elif command == _WRITE_REG:
            self._write_register(*struct.unpack_from("<II", body))
        elif command == _SECURITY_INFO:
            data = struct.pack("<IBBBBBBBBII", 0, 0, *[0] * 7, _CHIP_ID, 0)
        elif command == _FLASH_BEGIN:
            size, _, block, offset = struct.unpack_from("<IIII", body)
            self._place = offset, block
            self.flash[offset : offset + size] = b"\xff" * size
        elif command == _FLASH_DATA:
            size, number = struct.unpack_from("<II", body)
            block = body[16 : 16 + size]
            if functools.reduce(operator.xor, block, 0xEF) == checksum:
                self._write(number, block)
            else:
                status = _WRONG_CHECKSUM
        elif command == _READ_FLASH_SLOW:
            offset, size = struct.unpack("<II", body)
            data = bytes(self.flash[offset : offset + size])
        elif command == _FLASH_MD5:
            offset, size = struct.unpack_from("<II", body)
            data = hashlib.md5(self.flash[offset : offset + size]).hexdigest().encode()
        reply = struct.pack("<BBHI", 1, command, len(data) + len(status), value) + data + status
        yield from [reply] * (8 if command == _SYNC else 1)

    def _write_register(self, register: int, value: int) -> None:
        self._registers[register] = value
        if register == _SPI_COMMAND and value & _SPI_START:
            asked = self._registers.get(_SPI_COMMAND_WORD, 0) & 0xFF
            self._registers[_SPI_W0] = _JEDEC_4MB if asked == _READ_JEDEC_ID else 0
            self._registers[register] = 0

    def _write(self, number: int, block: bytes) -> None:
        self._blocks += 1
        if self._blocks == self.breaks_after:
            raise ConnectionAbortedError
        offset, size = self._place
        start = offset + number * size
        kept = None if self.forgets is None else self.flash[self.forgets]
        self.flash[start : start + len(block)] = block
        if self.forgets is not None and kept is not None:
            self.flash[self.forgets] = kept


@contextmanager
def esp32c3(rom: Rom) -> Iterator[Rom]:
    """Serve a stand-in until the block ends; its address is then in `rom.url`."""

    def talk(client: socket.socket) -> None:
        for packet in _packets(client):
            for reply in rom.answer(packet):
                client.sendall(_framed(reply))

    with listening(talk) as rom.url:
        yield rom


def _packets(client: socket.socket) -> Iterator[bytes]:
    """Requests out of SLIP frames."""
    frame = bytearray()
    while data := client.recv(65536):
        for byte in data:
            if byte != _END:
                frame.append(byte)
                continue
            packet = bytes(frame).replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
            frame.clear()
            if len(packet) >= 8 and packet[0] == 0:
                yield packet


def _framed(reply: bytes) -> bytes:
    escaped = reply.replace(bytes([_ESCAPE]), b"\xdb\xdd").replace(bytes([_END]), b"\xdb\xdc")
    return bytes([_END]) + escaped + bytes([_END])
