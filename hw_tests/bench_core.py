"""What checking a signature and unpacking cost on a microcontroller, beside what they are held against.

``python -m hw_tests.bench_core`` prints one table. Guest instructions of QEMU: exact and repeatable, and not
cycles. Bytes are flash, with the flags of the firmware but for ``-flto``, with tables and what of the C
library is pulled in; stack is painted. The bars are those of a Cortex-M0.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nacl.signing
import numpy as np

from firmware_export.packed import pack
from hw_tests.boards import BOARDS, SUPPORT, Board, Run, build, build_counter, flash_bytes, run
from hw_tests.boards.emulated import SMALLEST
from hw_tests.core_cases import CORE, SOURCES, write_cases

BLOB = 4096
_FLASH = {"ed25519": 3200, "unpack": 350}
_STACK = 1200
_INSTRUCTIONS = 30_000_000


def write_blob(folder: Path) -> bytes:
    """A signed blob of parameters like those of a small network, as cases; gives it packed."""
    rng = np.random.default_rng(1)
    blob = np.clip(np.round(rng.normal(0, 12, BLOB)), -128, 127).astype(np.int8).tobytes()
    key = nacl.signing.SigningKey(bytes(range(32)))
    packed = pack(blob)
    right = (key.sign(blob).signature, bytes(key.verify_key), blob, True)
    write_cases(folder, [right], [(packed[8:], blob)])
    return packed


def measure(board: Board, counter: Path, folder: Path) -> tuple[Run, dict[str, int]]:
    """Run the cases on a board; what it did, and the bytes of flash of each part."""
    flags = (*SMALLEST, "-Os", "-std=c99", f"-I{CORE}", f"-I{folder}")
    sources = [SUPPORT / "core.c", *SOURCES]
    whole = build(board, sources, folder / "core.elf", flags=flags)
    sizes = {}
    for part in _FLASH:
        without = build(board, sources, folder / "without.elf", flags=(*flags, f"-DNO_{part.upper()}"))
        sizes[part] = flash_bytes(whole) - flash_bytes(without)
    done = run(board, whole, counter=counter)
    if done.status != 0:
        raise RuntimeError(f"{board.name}: status {done.status}: {done.text}")
    return done, sizes


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counter = build_counter(folder)
        packed = write_blob(folder)
        print(f"a blob of {BLOB} bytes: {len(packed)} packed")
        print(f"{'':12}{'core':5}{'instructions':>13}{'bar':>12}{'flash':>7}{'bar':>6}{'stack':>7}{'bar':>6}")
        for core in ("M0", "M4F"):
            done, sizes = measure(BOARDS[core], counter, folder)
            verify, unpack = done.counts
            print(
                f"{'signature':12}{core:5}{verify:13,}{_INSTRUCTIONS:12,}"
                f"{sizes['ed25519']:7}{_FLASH['ed25519']:6}{int(done.text):7}{_STACK:6}"
            )
            print(f"{'unpacking':12}{core:5}{unpack:13,}{'':12}{sizes['unpack']:7}{_FLASH['unpack']:6}")


if __name__ == "__main__":
    main()
