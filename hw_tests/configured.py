"""Real boards: the targets of a configuration, flashed before the tests as a deployment does."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.config_file import load
from daemon.deploy.boards import Board, load_boards
from daemon.deploy.build import Firmware, build_firmware
from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.table import read_options
from daemon.deploy.ways import MUCH_FLASH
from daemon.wire.targets import Target
from hw_tests.hardware import LEARN, PROJECT, Place
from hw_tests.models import KEY, Deployable


@dataclass(frozen=True)
class Configured:
    """A target of a configuration.

    Attributes
    ----------
    name : str
    target : Target
    board : Board
        Its facts.
    """

    name: str
    target: Target
    board: Board

    @property
    def has_slots(self) -> bool:
        """Whether its firmware takes models without being flashed."""
        return self.board.slots is not None

    @property
    def has_sensor(self) -> bool:
        """Whether it samples rows by itself: the test signal of our firmware, or the application's sensor."""
        return self.board.hal is not None

    @property
    def has_text(self) -> bool:
        """Whether its firmware hears text commands; the user's own build need not have them."""
        given = self.board.defines.get("FW_MLPERF", self.board.flash.size >= MUCH_FLASH)
        return self.board.hal is not None and not self.target.build and bool(given)

    @contextmanager
    def running(self, model: Deployable) -> Iterator[Place]:
        """Flash it; see `hw_tests.hardware.Hardware`."""
        flasher = self.target.flasher or next(iter(self.board.flashers), None)
        if flasher is None:
            raise RuntimeError(
                f"{self.name}: the board {self.board.name} has no flasher: name one in [targets]"
            )
        options = read_options(
            flasher, self.board.flashers.get(flasher, {}), self.target.flasher_options or {}
        )
        port = self.target.programmer or self.target.port
        flash(flasher, port, _firmware(self, model).images, options, _print)
        yield Place(self.target.port, self.target.baud or self.board.baud)


def configured(path: Path) -> tuple[Configured, ...]:
    """The targets of a configuration.

    Parameters
    ----------
    path : Path
        A ``trainerd.toml``.
    """
    config = load(path)
    folder = config.deploy.boards_dir
    boards = load_boards(Path(folder) if folder else None)
    targets = config.targets or {}
    return tuple(Configured(name, target, boards[target.board]) for name, target in targets.items())


@functools.cache
def _firmware(hardware: Configured, model: Deployable) -> Firmware:
    folder = tempfile.TemporaryDirectory(prefix="firmware-")
    _folders.append(folder)
    target = hardware.target
    return build_firmware(
        hardware.board,
        model.firmware,
        Path(folder.name),
        identity=(PROJECT, LEARN, model.version),
        public_key=bytes(KEY.verify_key),
        hear=_print,
        application=Path(target.application) if target.application else None,
        command=target.build or (),
        result=target.result,
    )


_folders: list[tempfile.TemporaryDirectory[str]] = []


def _print(said: object) -> None:
    print(said)
