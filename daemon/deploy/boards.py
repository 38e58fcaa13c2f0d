"""Facts about boards: one TOML file each, ours beside this module, more in a directory of the user's.

A file's name is the board's. docs/boards.md tells each key.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from daemon.deploy.compilers import COMPILERS
from daemon.deploy.flashers.table import NAMES, flasher
from daemon.deploy.hals import HALS
from daemon.errors import DeployError, InvalidMember
from daemon.wire.members import convert

FOLDER = Path(__file__).parent / "boards"
"""Boards that ship."""

_Address = Annotated[int, Meta(ge=0, lt=2**32)]
_Size = Annotated[int, Meta(gt=0, le=2**32)]


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Memory: where it begins, and its bytes."""

    origin: _Address
    size: _Size

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.origin + self.size


class Slots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Room for models beside the firmware: two slots and two journals, one behind the other.

    Parameters
    ----------
    origin : int
        Address of the first slot; the firmware ends before.
    size, journal : int
        Bytes of each slot, and of each journal.
    """

    origin: _Address
    size: _Size
    journal: _Size

    @property
    def end(self) -> int:
        """The first address behind them."""
        return self.origin + 2 * (self.size + self.journal)


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a kind of board.

    Parameters
    ----------
    name : str
        That of its file.
    title : str
        As its maker calls it.
    core : str
        ``cortex-m4`` and the like, for people.
    flash, ram : Region
        What a program may use: the bootloader's part is not in it.
    page : int
        Bytes of flash that are erased at once.
    slots : Slots or None
        None where models come with the firmware only.
    compiler : str or None
        One of `COMPILERS`, or None where only the user's command builds for it.
    flags : tuple of str
        What the compiler is told of the core.
    hal : str or None
        Hardware layer of the reference firmware, one of `HALS`; None where there is none: the user's
        application is built then.
    defines : dict
        Macros of the hardware layer.
    buffer : int
        Bytes of the firmware's buffer for packets; it grows with the model's rows.
    baud : int
        Bits per second of its port.
    flashers : dict
        Tools that write it, the usual one first, each with its options.
    """

    name: str
    title: Annotated[str, Meta(min_length=1)]
    core: Annotated[str, Meta(min_length=1)]
    flash: Region
    ram: Region
    page: _Size
    slots: Slots | None = None
    compiler: str | None = None
    flags: tuple[str, ...] = ()
    hal: str | None = None
    defines: dict[str, str | int] = {}
    buffer: Annotated[int, Meta(ge=128, le=65536, multiple_of=4)] = 512
    baud: Annotated[int, Meta(ge=300, le=4_000_000)] = 115_200
    flashers: dict[str, dict[str, Any]] = {}

    @property
    def program_flash(self) -> int:
        """Bytes of flash for firmware."""
        return self.flash.size if self.slots is None else self.slots.origin - self.flash.origin


def load_boards(folder: Path | None = None) -> dict[str, Board]:
    """All boards by name.

    Parameters
    ----------
    folder : Path, optional
        The user's files: they add boards, and take the place of ours of the same name.

    Raises
    ------
    DeployError
        A file cannot be read or says what cannot be; the message names file, key and remedy.
    """
    return {path.stem: read_board(path) for path in (*_files(FOLDER), *(_files(folder) if folder else ()))}


def read_board(path: Path) -> Board:
    """One file.

    Raises
    ------
    DeployError
        As `load_boards`.
    """
    try:
        facts = msgspec.toml.decode(path.read_bytes(), type=dict[str, Any])
        if "name" in facts:
            raise InvalidMember("name", "is that of the file: leave it out")
        board = convert({**facts, "name": path.stem}, Board)
    except (OSError, msgspec.DecodeError) as error:
        raise DeployError(f"{path}: cannot be read as facts of a board: {error}") from error
    except InvalidMember as error:
        raise DeployError(f"{path}: {error.message}") from error
    # Options need the flashers themselves, some MiB of code; those of our own boards are right.
    unsure = path.parent != FOLDER
    for key, problem in chain(_problems(board), _problems_of_options(board) if unsure else ()):
        raise DeployError(f"{path}: {key}: {problem}")
    return board


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError as error:
        raise DeployError(f"{folder}: no boards can be read from there: {error}") from error


def _problems(board: Board) -> Iterator[tuple[str, str]]:
    """What its types do not tell: key, and what is wrong with the remedy."""
    if board.compiler is not None and board.compiler not in COMPILERS:
        yield "compiler", f"there is no {board.compiler!r}: take one of {', '.join(COMPILERS)}, or none"
    if board.hal is not None:
        yield from _problems_of_hal(board, board.hal)
    if board.slots is not None:
        yield from _problems_of_slots(board, board.slots)
    for name in board.flashers:
        if name not in NAMES:
            yield f"flashers.{name}", f"there is no such flasher: take one of {', '.join(NAMES)}"


def _problems_of_hal(board: Board, name: str) -> Iterator[tuple[str, str]]:
    hal = HALS.get(name)
    if hal is None:
        yield "hal", f"there is no hardware layer {name!r}: take one of {', '.join(HALS)}, or none"
        return
    if board.compiler != hal.compiler:
        yield "compiler", f"hardware layer {name} is built with {hal.compiler}: say so"
    for macro in hal.defines:
        if macro not in board.defines:
            yield f"defines.{macro}", f"is required by hardware layer {name}, and missing"


def _problems_of_slots(board: Board, slots: Slots) -> Iterator[tuple[str, str]]:
    hal = HALS.get(board.hal or "")
    if hal is None or hal.script is None:
        yield "slots", "only firmware with a hardware layer that places them has slots: leave them out"
    for key in ("origin", "size", "journal"):
        if getattr(slots, key) % board.page:
            yield f"slots.{key}", f"is no multiple of {board.page} (page): slots are whole pages"
    if slots.origin <= board.flash.origin or slots.end > board.flash.end:
        end = f"{board.flash.end:#x}"
        yield "slots.origin", f"two slots and two journals end at {slots.end:#x}, the flash at {end}"


def _problems_of_options(board: Board) -> Iterator[tuple[str, str]]:
    """Options of flashers may be incomplete: what only the user knows, the target says."""
    for name, options in board.flashers.items():
        types = {field.name: field.type for field in msgspec.structs.fields(flasher(name).options)}
        for option, value in options.items():
            key = f"flashers.{name}.{option}"
            if option not in types:
                yield key, f"is no option: take one of {', '.join(sorted(types))}"
                continue
            try:
                msgspec.convert(value, types[option])
            except msgspec.ValidationError as error:
                yield key, str(error)[0].lower() + str(error)[1:]
