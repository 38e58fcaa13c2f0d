"""How much memory a generated C file takes, measured by compiling it."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

#: Compilers in the order of preference, with what makes them build for a microcontroller.
_COMPILERS = (
    ("arm-none-eabi-gcc", ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")),
    ("gcc", ()),
    ("cc", ()),
)
_FLAGS = ("-std=c99", "-Os")
_TIMEOUT_S = 60

_SHF_WRITE, _SHF_ALLOC, _SHT_NOBITS = 1, 2, 8


@dataclass(frozen=True)
class Memory:
    """Memory of a compiled file.

    Parameters
    ----------
    flash_bytes : int
        Code, constants and initial values.
    ram_bytes : int
        Variables that live as long as the program; without the stack.
    measured_with : str
        Compiler and flags.
    """

    flash_bytes: int
    ram_bytes: int
    measured_with: str


def measure_c(source: Path) -> Memory | None:
    """Compile one C file for size and add up its sections.

    Parameters
    ----------
    source : Path
        The file; headers are looked for beside it.

    Returns
    -------
    Memory or None
        For a Cortex-M4F where its compiler is installed, else for this machine; None without a compiler.
        What the file takes from a library (a square root, say) is not in it.
    """
    for name, target in _COMPILERS:
        compiler = shutil.which(name)
        if compiler is None:
            continue
        flags = (*target, *_FLAGS)
        with tempfile.TemporaryDirectory() as directory:
            compiled = Path(directory) / "model.o"
            command = [compiler, *flags, "-c", str(source), "-o", str(compiled)]
            ended = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
            if ended.returncode == 0:
                flash, ram = memory_of(compiled.read_bytes())
                return Memory(flash, ram, " ".join((name, *flags)))
    return None


def memory_of(elf: bytes) -> tuple[int, int]:
    """Bytes in flash and in RAM of an ELF file, by the flags of its sections."""
    flash = ram = 0
    for section in _sections(elf):
        flash += 0 if section.kind == _SHT_NOBITS else section.size
        ram += section.size if section.flags & _SHF_WRITE else 0
    return flash, ram


def section_sizes(elf: bytes) -> dict[str, int]:
    """Bytes of each section of an ELF file that is in memory; those of one name together."""
    sizes: dict[str, int] = {}
    for section in _sections(elf):
        sizes[section.name] = sizes.get(section.name, 0) + section.size
    return sizes


class _Section(NamedTuple):
    name: str
    kind: int
    flags: int
    size: int


def _sections(elf: bytes) -> list[_Section]:
    """Sections of an ELF file that take memory, but for an AVR's EEPROM, which is neither flash nor RAM."""
    wide = elf[4] == 2
    order = "<" if elf[5] == 1 else ">"
    start, entry, count, names = (
        (*struct.unpack_from(order + "Q", elf, 40), *struct.unpack_from(order + "HHH", elf, 58))
        if wide
        else (*struct.unpack_from(order + "I", elf, 32), *struct.unpack_from(order + "HHH", elf, 46))
    )
    layout = order + ("IIQQQQ" if wide else "IIIIII")
    headers = [struct.unpack_from(layout, elf, start + number * entry) for number in range(count)]
    texts = headers[names][4]
    found = []
    for name, kind, flags, _, _, size in headers:
        text = elf[texts + name : elf.index(b"\0", texts + name)].decode()
        if flags & _SHF_ALLOC and size and text != ".eeprom":
            found.append(_Section(text, kind, flags, size))
    return found
