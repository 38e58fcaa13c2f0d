"""An ATmega328P in simavr: the reference firmware built for it, and the board that runs an image."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from daemon.deploy.boards import load_boards
from daemon.deploy.hals import HALS
from hw_tests.boards import SUPPORT
from hw_tests.boards.peer import FIRMWARE, LINEAR, Peer

_FACTS, _HAL = load_boards()["atmega328p"], HALS["avr"]
_DEFINES = (f"-D{name}={value}" for name, value in _FACTS.defines.items())
FLAGS = (
    *(*_FACTS.flags, *_DEFINES, f"-DFW_BUFFER={_FACTS.buffer}"),
    *("-Os", "-flto", f"-std={_HAL.standard}"),
)


def build_avr(
    image: Path, *, model: Sequence[Path] = (LINEAR,), flags: Sequence[str] = (), sensor: bool = True
) -> Path:
    """Compile and link the firmware.

    Parameters
    ----------
    image : Path
        Where the HEX file goes; the ELF file lies beside it.
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
    elf = image.with_suffix(".elf")
    core = [source for source in sorted((FIRMWARE / "core").glob("*.c")) if source.name not in _HAL.without]
    names = (*_HAL.sources, *(("test_signal.c",) if sensor else ()))
    flags = (*flags, f"-DFW_SENSOR={int(sensor)}")
    sources = map(str, [*core, *(FIRMWARE / "boards" / name for name in names), *model])
    command = ["avr-gcc", *FLAGS, *flags, f"-I{FIRMWARE / 'core'}", *sources, "-Wl,--gc-sections"]
    subprocess.run([*command, "-o", str(elf)], check=True)
    subprocess.run(["avr-objcopy", "-O", "ihex", "-R", ".eeprom", str(elf), str(image)], check=True)
    return image


@functools.cache
def build_simulator() -> Path:
    """Compile ``simavr_board.c``, once."""
    folder = tempfile.TemporaryDirectory(prefix="simavr-")
    _folders.append(folder)
    program = Path(folder.name) / "simavr_board"
    source = str(SUPPORT / "simavr_board.c")
    subprocess.run(["gcc", "-O2", source, "-o", str(program), "-lsimavr", "-lutil"], check=True)
    return program


_folders: list[tempfile.TemporaryDirectory[str]] = []


@contextmanager
def simulated(image: Path, *, port: int = 0) -> Iterator[Peer]:
    """Start a board that runs an image, and end it. Its flash and EEPROM are lost with it.

    Parameters
    ----------
    image : Path
        A HEX file.
    port : int
        To listen at; 0 for any that is free.
    """
    command = [str(build_simulator()), str(image), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("port "):
            raise RuntimeError(f"the board did not start: status {process.wait()}")
        yield Peer(int(line.split()[1]), process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
