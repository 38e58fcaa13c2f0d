"""Firmware with a model in it, for one board: the budget, the ways to build, what came of them."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.deploy import ways
from daemon.deploy.boards import Board
from daemon.deploy.compilers import COMPILERS, INSTALL
from daemon.deploy.flashers.running import run
from daemon.deploy.hals import HALS
from daemon.deploy.measure import memory_of, section_sizes
from daemon.deploy.ways import STAGE, Step
from daemon.errors import BuildFailed, ModelTooLarge, ToolMissing
from daemon.wire.worker import Log
from firmware_export.figures import Figures
from firmware_export.firmware_model import FirmwareModel

#: Longest run of all steps together.
TIMEOUT_S = 1800.0
#: Formats that flashers take.
_FORMATS = ("elf", "hex", "bin", "uf2")
#: What comes of an ELF file beside it, and as what objcopy knows it.
_FROM_ELF = {"hex": "ihex", "bin": "binary"}


@dataclass(frozen=True)
class Firmware:
    """What was built.

    Parameters
    ----------
    images : dict
        Files by format: ``elf``, ``hex``, ``bin``, ``uf2``.
    flash_bytes : int
        Code, constants and initial values.
    ram_bytes : int or None
        Variables, without the stack; None where the build left no ELF file.
    sections : dict
        Bytes of each section that is loaded; empty without an ELF file.
    """

    images: dict[str, Path]
    flash_bytes: int
    ram_bytes: int | None
    sections: dict[str, int]


def check_budget(board: Board, figures: Figures) -> None:
    """Compare what a model and the firmware need with what a board has, before anything is compiled.

    Parameters
    ----------
    board : Board
    figures : Figures
        Of the exporter. Without a hardware layer of ours the firmware is not known: the model alone counts.

    Raises
    ------
    ModelTooLarge
        It does not fit; the message has what is needed and what is there.
    """
    hal = HALS.get(board.hal or "")
    compiler = COMPILERS.get(board.compiler or "")
    flash, ram = figures.flash, figures.ram
    if compiler is not None and compiler.constants_in_ram:
        ram += figures.parameters
    around = f" with the firmware's {hal.flash:,} of flash and {hal.ram:,} of RAM" if hal else ""
    if hal is not None:
        flash, ram = flash + hal.flash, ram + hal.ram
    needs = {"flash": (flash, board.program_flash), "RAM": (ram, board.ram.size)}
    if any(needed > there for needed, there in needs.values()):
        told = " and ".join(f"{need:,} bytes of {what} of {there:,}" for what, (need, there) in needs.items())
        raise ModelTooLarge(
            f"on {board.name} the model needs {told}{around}: train a smaller one, or take a larger board",
            stage=STAGE,
            details={
                "flashNeeded": flash,
                "flashThere": board.program_flash,
                "ramNeeded": ram,
                "ramThere": board.ram.size,
            },
        )


def build_firmware(
    board: Board,
    model: FirmwareModel,
    folder: Path,
    *,
    identity: tuple[int, int, int],
    public_key: bytes,
    hear: Callable[[Log], None],
    check: Callable[[], None] = lambda: None,
    application: Path | None = None,
    command: Sequence[str] = (),
    result: str | None = None,
) -> Firmware:
    """Build firmware; the same input gives the same bytes.

    Parameters
    ----------
    board : Board
    model : FirmwareModel
    folder : Path
        Empty; everything is built in it, and what was built stays there.
    identity : tuple of int
        Project, learn block and version of the model.
    public_key : bytes
        Whose models its slots take: 32 bytes of Ed25519, zeros for those of anybody.
    hear : callable
        Told what is run, and what that says.
    check : callable
        Raises where the build is to stop; called once a second at least.
    application : Path, optional
        Directory of the user's: C files that are built into the reference firmware in place of its test
        signal, or a CMake project of its own.
    command : sequence of str
        Program and arguments, run in place of the built-in ways; no shell reads them.
    result : str, optional
        The file that the user's command or project leaves, relative to the working directory.

    Raises
    ------
    ToolMissing
        A compiler is not installed; the message says how it comes.
    BuildFailed
        The message has the first error.
    ModelTooLarge
        What was built does not fit the board.
    """
    ways.write_model(model, folder, identity, public_key)
    way = ways.choose(board, model, folder, application, tuple(command), result)
    for step in way.steps:
        _run(board, step, folder, hear, check)
    built = folder / way.result
    if not built.is_file():
        raise BuildFailed(
            f"the build left no {way.result}: name the file that it makes as the target's `result`",
            stage=STAGE,
        )
    form = built.suffix.removeprefix(".")
    if form not in _FORMATS:
        raise BuildFailed(
            f"{way.result} is no image that a flasher takes: they end in {', '.join(_FORMATS)}", stage=STAGE
        )
    images = {form: built}
    if form == "elf" and board.compiler is not None:
        images |= _converted(board, built, folder, hear)
    firmware = _measured(images)
    _check_built(board, firmware)
    return firmware


def _converted(board: Board, elf: Path, folder: Path, hear: Callable[[Log], None]) -> dict[str, Path]:
    images = {form: elf.with_suffix(f".{form}") for form in _FROM_ELF}
    objcopy = COMPILERS[board.compiler or ""].objcopy
    for form, name in _FROM_ELF.items():
        argv = (objcopy, "-O", name, "-R", ".eeprom", str(elf), str(images[form]))
        _run(board, Step(argv), folder, hear)
    return images


def _run(
    board: Board,
    step: Step,
    folder: Path,
    hear: Callable[[Log], None],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Run one step; its first error becomes that of the build."""
    program = step.argv[0]
    if shutil.which(program) is None:
        remedy = INSTALL.get(program, "install it, or name another command as the target's `build`")
        raise ToolMissing(f"{program} is not installed: {remedy}", stage=STAGE)
    hear(Log("debug", " ".join(step.argv)))
    said: list[str] = []
    where = folder / step.folder
    where.mkdir(parents=True, exist_ok=True)

    def line(text: str) -> None:
        check()
        said.append(text)
        hear(Log("warn" if "warning" in text.lower() else "info", text))

    def alive() -> bool:
        check()
        return True

    ended = run(step.argv, where, TIMEOUT_S, line, lambda _: None, alive, step.environment)
    if ended.status is None:
        raise BuildFailed(f"{program} took longer than {TIMEOUT_S:g} s and was ended", stage=STAGE)
    if ended.status:
        raise _failure(board, program, ended.status, said)


def _failure(board: Board, program: str, status: int, said: Sequence[str]) -> BuildFailed | ModelTooLarge:
    for text in said:
        if found := ways.OVERFLOW.search(text):
            return ModelTooLarge(f"the firmware does not fit {board.name}: {found[0]}", stage=STAGE)
    first = next((text for text in said if ways.ERROR.search(text)), said[-1] if said else "it said nothing")
    return BuildFailed(f"{program} failed (status {status}): {first}", stage=STAGE)


def _measured(images: Mapping[str, Path]) -> Firmware:
    if "elf" not in images:
        (image,) = images.values()
        return Firmware(dict(images), image.stat().st_size, None, {})
    elf = images["elf"].read_bytes()
    try:
        sections = section_sizes(elf)
        flash, ram = memory_of(elf)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise BuildFailed(f"{images['elf'].name} is no ELF file: {error}", stage=STAGE) from error
    return Firmware(dict(images), flash, ram, sections)


def _check_built(board: Board, firmware: Firmware) -> None:
    """The linker knows less than the facts: of an AVR nothing but the part, of the user's build nothing."""
    hal = HALS.get(board.hal or "")
    flash, ram = firmware.flash_bytes, (firmware.ram_bytes or 0) + (hal.stack if hal else 0)
    for what, needed, there in (("flash", flash, board.program_flash), ("RAM", ram, board.ram.size)):
        if needed > there and "uf2" not in firmware.images:
            problem = f"the firmware takes {needed:,} bytes of {what}, {board.name} has room for {there:,}"
            raise ModelTooLarge(problem, stage=STAGE)
