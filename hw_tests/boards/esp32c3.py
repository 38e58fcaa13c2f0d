"""An ESP32-C3's image, run: its loader in Python, and its instruction set on QEMU's RISC-V board.

There is no emulator of the chip here. What its ROM does with an image in flash is done by `start`: header,
segments, checksum and hash as Espressif's documentation of the format has them. The program then really
runs, on RV32IMC; its UART is QEMU's.
"""

from __future__ import annotations

import functools
import hashlib
import operator
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hw_tests.boards import SUPPORT
from hw_tests.boards.bootloaders import qemu

_MAGIC, _CHIP_ID, _CHECKSUM_SEED = 0xE9, 5, 0xEF
_HEADER = struct.Struct("<BBBBI")
_SEGMENT = struct.Struct("<II")
_CHIP = struct.Struct("<4xH8xB")
_HEADER_BYTES, _CHECKSUM_BLOCK, _HASH_BYTES = 24, 16, 32


def greeting_image(folder: Path, greeting: str, *, filler: int = 0) -> Path:
    """A program that says `greeting` after each line, as an image for an ESP32-C3.

    Parameters
    ----------
    folder : Path
        Where it goes.
    greeting : str
        What it says.
    filler : int
        Bytes of constants that make it larger.
    """
    elf, image = folder / "program.elf", folder / "program.bin"
    defines = (f'-DGREETING="{greeting}"', *((f"-DFILLER={filler}",) if filler else ()))
    command = [
        *("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32", "-Os", "-std=c99", "-ffreestanding"),
        *(
            "-nostdlib",
            "-Wall",
            "-Wextra",
            "-Werror",
            *defines,
            f"-I{SUPPORT}",
            "-Wl,--no-warn-rwx-segments",
            f"-T{SUPPORT / 'riscv.ld'}",
        ),
        *(str(SUPPORT / name) for name in ("riscv.c", "greet.c")),
    ]
    subprocess.run([*command, "-o", str(elf)], check=True)
    esptool = [sys.executable, "-m", "esptool", "--chip", "esp32c3", "elf2image", "-o", str(image), str(elf)]
    subprocess.run(esptool, check=True, capture_output=True)
    return image


@contextmanager
def start(flash: bytes) -> Iterator[str]:
    """Run the image at the beginning of some flash, as the ROM would; the URL of its UART.

    Raises
    ------
    ValueError
        The image is damaged.
    """
    entry, segments = _read(flash)
    with tempfile.TemporaryDirectory() as folder:
        loaded: list[str] = []
        for number, (address, data) in enumerate(segments):
            path = Path(folder) / f"{number}.bin"
            path.write_bytes(data)
            loaded += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        loaded += ["-bios", "none", "-device", f"loader,addr={entry:#x},cpu-num=0"]
        with qemu("virt", *loaded, program="qemu-system-riscv32") as (url, _):
            yield url


def _read(flash: bytes) -> tuple[int, list[tuple[int, bytes]]]:
    """Entry point and segments of an image."""
    magic, count, _, _, entry = _HEADER.unpack_from(flash)
    chip, has_hash = _CHIP.unpack_from(flash, _HEADER.size)
    if (magic, chip) != (_MAGIC, _CHIP_ID):
        raise ValueError("no image for an ESP32-C3")
    at = _HEADER_BYTES
    segments = []
    for _ in range(count):
        address, size = _SEGMENT.unpack_from(flash, at)
        at += _SEGMENT.size
        segments.append((address, flash[at : at + size]))
        at += size
    checksum = functools.reduce(operator.xor, b"".join(data for _, data in segments), _CHECKSUM_SEED)
    end = (at // _CHECKSUM_BLOCK + 1) * _CHECKSUM_BLOCK
    if flash[end - 1] != checksum:
        raise ValueError("the image's checksum is wrong")
    if has_hash and flash[end : end + _HASH_BYTES] != hashlib.sha256(flash[:end]).digest():
        raise ValueError("the image's hash is wrong")
    return entry, segments
