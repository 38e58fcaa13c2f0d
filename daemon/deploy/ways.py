"""Ways to build firmware, each a row of steps: ours by a compiler, a CMake project, the user's command."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import firmware_export
from daemon.deploy.boards import Board
from daemon.deploy.compilers import COMPILERS
from daemon.deploy.hals import HALS, Hal
from daemon.errors import BuildFailed
from firmware_export.firmware_model import FirmwareModel

STAGE = "build"
FIRMWARE = Path(firmware_export.__file__).parent / "firmware"
"""Sources of the reference firmware."""

MODEL = "model"
"""Where the model's C lies: ``<name>.h``, ``<name>.c``, ``glue.c``."""

ERROR = re.compile(
    r"\berror\b[: ]|\bError\b|undefined reference|multiple definition|cannot find|No such file"
)
OVERFLOW = re.compile(r"region [`'](?P<region>\w+)' overflowed by \d+ bytes?|no room for the stack")

MUCH_FLASH = 64 * 1024
"""Bytes from which on text commands are there unless a board says otherwise."""

_SIZE = ("-Os", "-flto", "-ffunction-sections", "-fdata-sections")
# These three, which -Os does not leave out, were measured to cost the core flash.
_SMALLEST = (
    *_SIZE,
    *("-fno-expensive-optimizations", "-fno-move-loop-invariants", "-fno-inline-small-functions"),
)
_SPEED = ("-O2", "-ffunction-sections", "-fdata-sections")


@dataclass(frozen=True)
class Step:
    """A program to run.

    Parameters
    ----------
    argv : tuple of str
        Program and arguments.
    folder : str
        Working directory, relative to that of the build.
    environment : dict
        Variables beside those of the daemon.
    """

    argv: tuple[str, ...]
    folder: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """Steps, and the file that they leave, relative to the build's directory."""

    steps: tuple[Step, ...]
    result: str


def write_model(
    model: FirmwareModel, folder: Path, identity: tuple[int, int, int], public_key: bytes
) -> None:
    """Write a model's C for a build, into `MODEL`."""
    place = folder / MODEL
    place.mkdir(parents=True)
    texts = {f"{model.name}.h": model.header, f"{model.name}.c": model.source}
    texts["glue.c"] = model.glue(*identity, public_key)
    for name, text in texts.items():
        (place / name).write_text(text, encoding="ascii", newline="\n")


def choose(
    board: Board,
    model: FirmwareModel,
    folder: Path,
    application: Path | None,
    command: tuple[str, ...],
    result: str | None,
) -> Way:
    """How firmware is built; the parameters are those of :func:`daemon.deploy.build.build_firmware`.

    Raises
    ------
    BuildFailed
        There is no way: no hardware layer of ours, and nothing of the user's.
    """
    left = PurePosixPath(result or "build/firmware.elf")
    if left.is_absolute() or ".." in left.parts:
        problem = f"result: {left} is not below the build's directory: name it from there"
        raise BuildFailed(problem, stage=STAGE)
    told = _told(board, model, folder, application)
    if command:
        return Way((Step(command, environment=told),), str(left))
    if application is not None and (application / "CMakeLists.txt").is_file():
        return Way(_cmake(board, application, told), str(left))
    if board.hal is None:
        raise BuildFailed(
            f"there is no reference firmware for {board.name}: give the target an `application` with a "
            "CMakeLists.txt, or a `build` command",
            stage=STAGE,
        )
    return Way(_reference(board, HALS[board.hal], model, application), "firmware.elf")


def _told(board: Board, model: FirmwareModel, folder: Path, application: Path | None) -> dict[str, str]:
    """What the user's own build is told, as variables."""
    told = {
        "TRAINERD_BOARD": board.name,
        "TRAINERD_DEFINES": ";".join(_defines(board, model)),
        "TRAINERD_FIRMWARE": str(FIRMWARE),
        "TRAINERD_MODEL": str(folder / MODEL),
        "TRAINERD_NAME": model.name,
    }
    return told if application is None else {**told, "TRAINERD_APPLICATION": str(application)}


def _cmake(board: Board, application: Path, told: Mapping[str, str]) -> tuple[Step, ...]:
    configure = ["cmake", "-S", str(application), "-B", "build", "-DCMAKE_BUILD_TYPE=MinSizeRel"]
    if board.compiler is not None:
        configure += [
            "-DCMAKE_SYSTEM_NAME=Generic",
            "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
            f"-DCMAKE_C_COMPILER={board.compiler}",
            f"-DCMAKE_C_FLAGS={' '.join((*board.flags, *COMPILERS[board.compiler].flags))}",
        ]
    configure += [f"-D{name}={value}" for name, value in told.items()]
    return Step(tuple(configure)), Step(("cmake", "--build", "build"))


def _defines(board: Board, model: FirmwareModel) -> tuple[str, ...]:
    return f"{model.name.upper()}_UPDATABLE", f"FW_BUFFER={max(board.buffer, model.packet)}"


def _given(board: Board) -> tuple[str, ...]:
    """The board's macros. Unless they say it, text commands are there where flash is not scarce."""
    defines = {"FW_MLPERF": int(board.flash.size >= MUCH_FLASH), **board.defines}
    return tuple(f"{name}={value}" for name, value in defines.items())


def _reference(board: Board, hal: Hal, model: FirmwareModel, application: Path | None) -> tuple[Step, ...]:
    """The core and the hardware layer small, the model fast, then all together."""
    compiler = COMPILERS[hal.compiler]
    core = FIRMWARE / "core"
    signal = application is None and hal.test_signal
    layer = (*hal.sources, *(("test_signal.c",) if signal else ()))
    sources = [path for path in sorted(core.glob("*.c")) if path.name not in hal.without]
    sources += [FIRMWARE / "boards" / name for name in layer]
    own = sorted(application.glob("*.c")) if application else []
    generated = (f"{model.name}.c", "glue.c")
    sensor = int(signal or application is not None)
    facts = (f'BOARD_NAME="{board.name}"', f"FW_SENSOR={sensor}", *_given(board))
    defines = tuple(f"-D{define}" for define in (*_defines(board, model), *facts))
    common = (hal.compiler, *board.flags, *compiler.flags, f"-std={hal.standard}", *defines, f"-I{core}")
    objects = [
        *(f"core/{path.stem}.o" for path in sources),
        *(f"{MODEL}/{Path(name).stem}.o" for name in generated),
        *(f"application/{path.stem}.o" for path in own),
    ]
    symbols = (f"-Wl,--defsym={name}={value:#x}" for name, value in _symbols(board, hal, model).items())
    script = () if hal.script is None else (f"-Wl,-T,{FIRMWARE / 'boards' / hal.script}", *symbols)
    link = (hal.compiler, *board.flags, *compiler.flags, *_SMALLEST, "-s", *objects, *compiler.link)
    # Like the core: GCC takes a weak function of a unit of LTO for the last word, were the other not in it.
    applied = (Step((*common, *_SIZE, f"-I../{MODEL}", "-c", *map(str, own)), "application"),) if own else ()
    return (
        Step((*common, *_SMALLEST, "-c", *map(str, sources)), "core"),
        Step((*common, *_SPEED, "-c", *generated), MODEL),
        *applied,
        Step((*link, "-Wl,--gc-sections", *script, "-o", "firmware.elf")),
    )


def _symbols(board: Board, hal: Hal, model: FirmwareModel) -> dict[str, int]:
    """What the linker script is told."""
    slots = board.slots
    return {
        "FLASH_ORIGIN": board.flash.origin,
        "FLASH_LENGTH": board.program_flash,
        "RAM_ORIGIN": board.ram.origin,
        "RAM_LENGTH": board.ram.size,
        "SLOTS_ORIGIN": board.flash.end if slots is None else slots.origin,
        "SLOT_LENGTH": 0 if slots is None else slots.size,
        "JOURNAL_LENGTH": 0 if slots is None else slots.journal,
        "STACK_LENGTH": hal.stack + (model.figures.stack + 7) // 8 * 8,
    }
