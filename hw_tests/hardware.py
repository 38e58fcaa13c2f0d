"""Boards that the hardware tests run on: emulated ones, and those of a configuration."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hw_tests.boards.avr import build_avr, simulated
from hw_tests.boards.emulated import build_firmware, emulated
from hw_tests.models import KEY, Deployable

PROJECT, LEARN = 1, 7


@dataclass(frozen=True)
class Place:
    """Where a board is reached.

    Attributes
    ----------
    port : str
        As `daemon.deploy.serial_link` takes it.
    baud : int
    tcp : int, optional
        Port on the loopback interface, of an emulated board: a bad line can be laid to it.
    """

    port: str
    baud: int = 115200
    tcp: int | None = None


class Hardware(Protocol):
    """A board."""

    @property
    def name(self) -> str:
        """What it is called in the tests' names."""

    @property
    def has_slots(self) -> bool:
        """Whether its firmware takes models without being flashed."""

    @property
    def has_sensor(self) -> bool:
        """Whether it samples rows by itself."""

    @property
    def has_text(self) -> bool:
        """Whether its firmware hears MLPerf Tiny's text commands."""

    def running(self, model: Deployable) -> AbstractContextManager[Place]:
        """Have it run firmware with a model that trusts `KEY`; in the end it is free again."""


def written(model: Deployable, folder: Path, key: bytes = bytes(KEY.verify_key)) -> list[Path]:
    """The C files of a model as a part of the firmware."""
    firmware = model.firmware
    (folder / f"{firmware.name}.h").write_text(firmware.header)
    (folder / f"{firmware.name}.c").write_text(firmware.source)
    (folder / "fw_model.c").write_text(firmware.glue(PROJECT, LEARN, model.version, key))
    return [folder / "fw_model.c", folder / f"{firmware.name}.c"]


@dataclass(frozen=True)
class EmulatedCortexM:
    """A board under QEMU.

    Attributes
    ----------
    name : str
        Its core.
    """

    name: str
    has_slots: bool = True
    has_sensor: bool = True
    has_text: bool = True

    @contextmanager
    def running(self, model: Deployable, flags: Sequence[str] = ()) -> Iterator[Place]:
        """Build and start it; see `Hardware`."""
        with emulated(self.name, firmware_image(self.name, model, tuple(flags))) as board:
            yield Place(board.url, tcp=board.port)


@dataclass(frozen=True)
class SimulatedAvr:
    """An ATmega328P in simavr."""

    name: str = "ATmega328P"
    has_slots: bool = False
    has_sensor: bool = True
    has_text: bool = True

    @contextmanager
    def running(self, model: Deployable) -> Iterator[Place]:
        """Build and start it; see `Hardware`."""
        with simulated(_avr_firmware(model)) as board:
            yield Place(board.url, tcp=board.port)


@functools.cache
def firmware_image(core: str, model: Deployable, flags: tuple[str, ...] = ()) -> Path:
    """The firmware of a board with a model in it, linked once; ``core`` is that of an emulated one."""
    folder = _new_folder()
    options = (*model.firmware.flags, f"-I{folder}", *flags)
    return build_firmware(core, folder / "firmware.elf", model=written(model, folder), flags=options)


@functools.cache
def _avr_firmware(model: Deployable) -> Path:
    folder = _new_folder()
    # Its buffer is its own affair: 2 KB of RAM are all there is.
    options = (model.firmware.flags[0], f"-I{folder}")
    return build_avr(folder / "firmware.hex", model=written(model, folder), flags=options)


def _new_folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="firmware-")
    _folders.append(folder)
    return Path(folder.name)


_folders: list[tempfile.TemporaryDirectory[str]] = []

EMULATED: tuple[Hardware, ...] = (
    *(EmulatedCortexM(core) for core in ("M0", "M3", "M4F", "M7", "M55")),
    SimulatedAvr(),
)
