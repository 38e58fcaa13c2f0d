"""What a flasher is: facts as data, what it is told, and how it is asked to write."""

from __future__ import annotations

import abc
import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from daemon.wire.worker import Log, Progress

#: Told what happens while a board is written.
Hear = Callable[[Progress | Log], None]

STAGE = "flash"


class Reach(enum.Enum):
    """What a flasher reaches a board through."""

    TTY = "serial device"  # a URL gets a pseudo-terminal in front
    SERIAL = "serial device or URL"
    USB = "USB"  # a probe or a bootloader, found by the tool
    NETWORK = "gdb server"
    DRIVE = "drive"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every flasher is told: facts of the board first, then what the target says.

    Parameters
    ----------
    timeout_s : float
        Longest run of each of its steps.
    room : int or None
        Bytes that an image may have, a bootloader's part of the flash left out; some tools write over it.
    """

    timeout_s: float = 600.0
    room: int | None = None


class SerialOptions(Options, frozen=True, kw_only=True):
    """What a flasher is told that writes over a serial line.

    Parameters
    ----------
    baud : int
        Rate of the line.
    """

    baud: int = 115200

    def parity(self) -> str:
        """Parity of the line: ``N``, ``E`` or ``O``."""
        return "N"


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True)
class Task(Generic[OptionsT]):
    """One image on its way to one board, or the copy of one on its way back.

    Parameters
    ----------
    port : str
        Serial device or URL of the board, as the flasher takes it.
    image : str
        Name of the image in `folder`; its ending tells the format.
    size : int
        Bytes of the image; of the flash where it is read.
    folder : Path
        Working directory, with nothing else in it.
    options : Options
        Those of the flasher.
    behind : str
        The URL that is behind `port`, where that is a pseudo-terminal: it knows no parity and no modem lines.
    """

    port: str
    image: str
    size: int
    folder: Path
    options: OptionsT
    behind: str = ""

    def is_there(self) -> bool:
        """Whether the port exists, as far as that can be seen."""
        return not self.port.startswith("/") or Path(self.port).exists()

    @property
    def place(self) -> str:
        """The port as people know it."""
        return self.behind or self.port


@dataclass(frozen=True, kw_only=True)
class Flasher(abc.ABC):
    """One way to write a board.

    Parameters
    ----------
    name : str
        As in the configuration.
    formats : tuple of str
        Images that it takes, the best first: ``elf``, ``hex``, ``bin``, ``uf2``.
    options : type of Options
        What it can be told.
    reach : Reach
        How it comes to the board.
    verifies : bool
        Whether it reads back what it has written, or a digest of it.
    erases : bool
        Whether it can clear the whole flash first: option ``erase``.
    resets : bool
        Whether it starts the new program.
    reads : bool
        Whether it can copy the flash, so that it can be put back.
    install : str
        How to get it.
    """

    name: str
    formats: tuple[str, ...]
    options: type[Options]
    reach: Reach
    verifies: bool
    erases: bool
    resets: bool
    reads: bool
    install: str

    @abc.abstractmethod
    def missing(self) -> str | None:
        """Why it cannot be used on this machine, with the remedy; None where it can."""

    @abc.abstractmethod
    def version(self) -> str | None:
        """Version of the tool; None where it is not there or does not say."""

    @abc.abstractmethod
    def write(self, task: Task[Any], hear: Hear) -> None:
        """Write an image, check it where it can, start it where it can.

        Raises
        ------
        DeployError
            With what to do about it.
        """

    def read(self, task: Task[Any], hear: Hear) -> None:
        """Copy `task.size` bytes of flash into the image of `task`; only where `reads`."""
        raise NotImplementedError
