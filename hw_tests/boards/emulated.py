"""The reference firmware on emulated boards: its line is a TCP port of QEMU's."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.deploy.boards import Board as Facts
from daemon.deploy.boards import load_boards
from daemon.deploy.hals import HALS
from hw_tests.boards import BOARDS, Board
from hw_tests.boards.peer import FIRMWARE, LINEAR, Peer

SIZE = ("-Os", "-std=c99", "-ffunction-sections", "-fdata-sections")
SMALLEST = ("-fno-expensive-optimizations", "-fno-move-loop-invariants", "-fno-inline-small-functions")
"""What the core and the board's layer are compiled with beside it, as the daemon does."""
STACK = HALS["cmsdk"].stack


@dataclass(frozen=True)
class Layout:
    """How the firmware of a board is built.

    Attributes
    ----------
    sources : tuple of str
        Of ``firmware/boards``.
    defines : tuple of str
    slots : int
        Where the areas for models begin: the firmware ends before.
    slot, journal : int
        Bytes of each.
    """

    sources: tuple[str, ...]
    defines: tuple[str, ...]
    slots: int
    slot: int
    journal: int


def _layout(facts: Facts) -> Layout:
    """As a deployment has it."""
    assert facts.hal is not None
    assert facts.slots is not None
    macros = {"BOARD_NAME": f'"{facts.name}"', **facts.defines}
    defines = tuple(f"-D{name}={value}" for name, value in macros.items())
    slots = facts.slots
    return Layout(HALS[facts.hal].sources, defines, slots.origin, slots.size, slots.journal)


_FACTS = load_boards()
LAYOUTS = {core: _layout(_FACTS[board.name]) for core, board in BOARDS.items()}
"""By core, as the boards are."""


def build_firmware(
    core: str | tuple[Board, Layout],
    elf: Path,
    *,
    model: Sequence[Path] = (LINEAR,),
    flags: Sequence[str] = (),
    sensor: bool = True,
) -> Path:
    """Compile and link the firmware for a board.

    Parameters
    ----------
    core : str or tuple
        Key of ``BOARDS``; or a board that is not among them.
    elf : Path
        Where the image goes.
    model : sequence of Path
        C files that define ``fw_model``; none for a firmware without a model.
    flags : sequence of str
        For the compiler.
    sensor : bool
        Whether the test signal is its sensor; else it has none.

    Raises
    ------
    subprocess.CalledProcessError
        It does not compile; the compiler has said why on stderr.
    """
    board, layout = (BOARDS[core], LAYOUTS[core]) if isinstance(core, str) else core
    symbols = {
        "FLASH_ORIGIN": board.flash[0],
        "FLASH_LENGTH": layout.slots - board.flash[0],
        "RAM_ORIGIN": board.ram[0],
        "RAM_LENGTH": board.ram[1],
        "SLOTS_ORIGIN": layout.slots,
        "SLOT_LENGTH": layout.slot,
        "JOURNAL_LENGTH": layout.journal,
        "STACK_LENGTH": STACK,
    }
    names = (*layout.sources, *(("test_signal.c",) if sensor else ()))
    sources = [*sorted((FIRMWARE / "core").glob("*.c")), *(FIRMWARE / "boards" / name for name in names)]
    compiler = ["arm-none-eabi-gcc", *board.flags, "-mthumb", *SIZE, *layout.defines, *flags]
    compiler.append(f"-I{FIRMWARE / 'core'}")
    # The model is apart: its code is as it was compiled for its figures, whatever surrounds it.
    objects = [str(elf.with_name(source.stem + ".o")) for source in model]
    for source, compiled in zip(model, objects, strict=True):
        subprocess.run([*compiler, "-c", str(source), "-o", compiled], check=True)
    command = [
        *(*compiler, "-flto", *SMALLEST, *map(str, sources), *objects, "-nostartfiles", "--specs=nano.specs"),
        *("--specs=nosys.specs", "-Wl,--gc-sections,--no-warn-rwx-segments"),
        *("-Wl,-T," + str(FIRMWARE / "boards" / "cortex_m.ld"), "-o", str(elf)),
        *(f"-Wl,--defsym={name}={value:#x}" for name, value in symbols.items()),
    ]
    subprocess.run(command, check=True)
    return elf


@contextmanager
def emulated(core: str, elf: Path, *, options: Sequence[str] = ()) -> Iterator[Peer]:
    """Start an emulated board, and end it. What its flash holds is lost with it.

    Parameters
    ----------
    core : str
        Key of ``BOARDS``.
    elf : Path
    options : sequence of str
        More of QEMU's.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        handle = listener.fileno()
        command = [
            *("qemu-system-arm", "-M", BOARDS[core].machine, "-display", "none", "-monitor", "none"),
            *(
                "-chardev",
                f"socket,id=line,fd={handle},server=on,wait=off,nodelay=on",
                "-serial",
                "chardev:line",
            ),
            *("-kernel", str(elf), *options),
        ]
        process = subprocess.Popen(command, pass_fds=[handle], text=True)
        try:
            yield Peer(listener.getsockname()[1], process)
        finally:
            process.kill()
            process.wait()
