"""The core's parts on this machine, under sanitizers, in a process that answers as often as it is asked."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.firmware_export.c_programs import STRICT

HERE = Path(__file__).parent
CORE = Path(__file__).parents[3] / "firmware_export" / "firmware" / "core"
SOURCES = [CORE / name for name in ("ed25519.c", "sha512.c", "unpack.c")]
_SANITIZED = ("clang", "-std=c99", "-O2", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


class Core:
    """A process that has the core's parts."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def verify(self, signature: bytes, key: bytes, message: bytes) -> bool:
        """What ``ed25519_verify`` says."""
        self._ask(b"v", signature + key + message)
        return self._read(1) == b"\1"

    def sha512(self, data: bytes, piece: int) -> bytes:
        """Digest of data that come in pieces of so many bytes."""
        self._ask(b"h", data, piece)
        return self._read(64)

    def unpack(self, stream: bytes, unpacked: int, piece: int) -> tuple[bytes, int]:
        """What a stream unpacks to, and how many bytes of it were used."""
        self._ask(b"u", stream, piece, unpacked)
        used, given = struct.unpack("<2I", self._read(8))
        return self._read(given), used

    def _ask(self, what: bytes, data: bytes, piece: int = 1, unpacked: int = 0) -> None:
        assert self._process.stdin
        self._process.stdin.write(struct.pack("<4I", ord(what), len(data), piece, unpacked) + data)
        self._process.stdin.flush()

    def _read(self, count: int) -> bytes:
        assert self._process.stdout
        answer = self._process.stdout.read(count)
        assert len(answer) == count, "the process has ended: a sanitizer has said why on stderr"
        return answer


@contextmanager
def core_process(folder: Path) -> Iterator[Core]:
    """Build the process into a folder and start it; it must end by itself, and well."""
    program = folder / "answer"
    sources = map(str, (HERE / "answer.c", *SOURCES))
    subprocess.run([*_SANITIZED, *STRICT, f"-I{CORE}", *sources, "-o", str(program)], check=True)
    with subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Core(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(timeout=30) == 0
