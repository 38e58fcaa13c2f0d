"""Emulated boards: build a bare-metal program, run it under QEMU, count its instructions.

Every count is exact and repeatable, and a count of instructions: not of cycles.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SUPPORT = Path(__file__).parent / "support"


@dataclass(frozen=True)
class Board:
    """An emulated board.

    Attributes
    ----------
    name, core : str
    machine : str
        QEMU's name.
    flags : tuple of str
        What the compiler is told about the core.
    flash, ram : tuple of int
        Origin and length.
    """

    name: str
    core: str
    machine: str
    flags: tuple[str, ...]
    flash: tuple[int, int] = (0x0000_0000, 0x0040_0000)
    ram: tuple[int, int] = (0x2000_0000, 0x0040_0000)


BOARDS = {
    board.core: board
    for board in (
        Board(
            "microbit",
            "M0",
            "microbit",
            ("-mcpu=cortex-m0", "-mfloat-abi=soft"),
            flash=(0x0000_0000, 0x0004_0000),
            ram=(0x2000_0000, 0x0000_4000),
        ),
        Board("mps2-an385", "M3", "mps2-an385", ("-mcpu=cortex-m3", "-mfloat-abi=soft")),
        Board(
            "mps2-an386", "M4F", "mps2-an386", ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
        ),
        Board("mps2-an500", "M7", "mps2-an500", ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16")),
        Board(
            "mps3-an547",
            "M55",
            "mps3-an547",
            ("-mcpu=cortex-m55", "-mfloat-abi=hard"),
            flash=(0x1000_0000, 0x0008_0000),
            ram=(0x3000_0000, 0x0008_0000),
        ),
    )
}
"""By core: M0, M3, M4F, M7, M55."""


@dataclass(frozen=True)
class Run:
    """What a program did.

    Attributes
    ----------
    status : int
        Result of its ``main``.
    text : str
        What it wrote.
    counts : tuple of int
        Instructions of each counted region, in order.
    """

    status: int
    text: str
    counts: tuple[int, ...]


def build(board: Board, sources: Sequence[Path], elf: Path, *, flags: Sequence[str] = ("-Os",)) -> Path:
    """Compile and link a program for a board, unused functions left out.

    Parameters
    ----------
    board : Board
    sources : sequence of Path
        C files; they may include ``board.h``.
    elf : Path
        Where the image goes.
    flags : sequence of str
        Optimisation, standard, warnings, defines.

    Raises
    ------
    subprocess.CalledProcessError
        It does not compile; the compiler has said why on stderr.
    """
    regions = (("FLASH", board.flash), ("RAM", board.ram))
    symbols = [
        f"-Wl,--defsym={region}_{what}={value:#x}"
        for region, place in regions
        for what, value in zip(("ORIGIN", "LENGTH"), place, strict=True)
    ]
    command = [
        *("arm-none-eabi-gcc", *board.flags, "-mthumb", "-ffunction-sections", "-fdata-sections"),
        *flags,
        *(f"-I{SUPPORT}", *map(str, sources), str(SUPPORT / "board.c")),
        *("-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections"),
        *("-Wl,--no-warn-rwx-segments", f"-Wl,-T,{SUPPORT / 'link.ld'}", *symbols, "-o", str(elf)),
    ]
    subprocess.run(command, check=True)
    return elf


def build_counter(folder: Path) -> Path:
    """Compile the counting plugin into a folder."""
    plugin = folder / "count.so"
    options = ["-shared", "-fPIC", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra"]
    subprocess.run(["gcc", *options, str(SUPPORT / "count.c"), "-o", str(plugin)], check=True)
    return plugin


def run(board: Board, elf: Path, *, counter: Path | None = None, timeout_s: float = 60.0) -> Run:
    """Run a program to its end.

    Parameters
    ----------
    board : Board
    elf : Path
    counter : Path, optional
        The counting plugin; without it nothing is counted.
    timeout_s : float
        It is ended after that long.

    Raises
    ------
    subprocess.TimeoutExpired
        It does not come to an end.
    """
    counts = elf.with_suffix(".counts")
    command = [
        *("qemu-system-arm", "-M", board.machine, "-display", "none", "-monitor", "none", "-serial", "none"),
        *("-semihosting-config", "enable=on,target=native", "-kernel", str(elf)),
        *(("-plugin", f"{counter},out={counts}") if counter else ()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    numbers = tuple(map(int, counts.read_text().split())) if counter else ()
    return Run(done.returncode, done.stdout + done.stderr, numbers)


def flash_bytes(elf: Path) -> int:
    """Bytes of an image that lie in flash: code, constants and the initial values of data."""
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", str(elf)], capture_output=True, text=True, check=True
    ).stdout
    return sum(
        int(size) for size in re.findall(r"^\.(?:text|ARM\.exidx|data)\s+(\d+)", listing, re.MULTILINE)
    )
