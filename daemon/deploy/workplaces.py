"""Workplaces by the configuration: of each target its line, its tool, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from daemon.config import Config
from daemon.deploy.board_line import BoardLine, Hear, Tool
from daemon.deploy.boards import Board, load_boards
from daemon.deploy.deployment import Workplace
from daemon.deploy.flashers.flashing import copy_flash, flash
from daemon.deploy.flashers.table import available, flasher, read_options
from daemon.deploy.kept import Kept
from daemon.deploy.signing import Signer
from daemon.deploy.targets import chosen_flasher
from daemon.errors import ConfigError, DeployError
from daemon.wire.targets import Target


def workplaces(config: Config, config_file: Path, signer: Signer) -> dict[str, Workplace]:
    """The workplace of each target, by its name.

    Parameters
    ----------
    config : Config
        The configuration.
    config_file : Path
        Where it is written, for messages.
    signer : Signer
        Signs what boards are sent.

    Raises
    ------
    ConfigError
        A target is a board that is not known.
    """
    folder = config.deploy.boards_dir
    try:
        boards = load_boards(None if folder is None else Path(folder))
    except DeployError as error:
        raise ConfigError(str(config_file), None, f"deploy.boards_dir: {error.message}") from error
    found, cores = {}, {board.name: board.core for board in boards.values()}
    for name, target in (config.targets or {}).items():
        if target.board not in boards:
            raise ConfigError(
                str(config_file), None, f"targets.{name}.board: there is no board {target.board!r}"
            )
        board = boards[target.board]
        line = BoardLine(target.port, target.baud or board.baud, _tool(target, board))
        # What was kept of another kind of board is never put onto this one.
        kept = Kept(config.ports_state_path / f"{name}@{board.name}")
        found[name] = Workplace(line, kept, signer.sign, board.name, cores)
    return found


def _tool(target: Target, board: Board) -> Tool | None:
    """What writes a target's firmware; None where nothing does."""
    name = chosen_flasher(target, board)
    if name is None:
        return None
    port = target.programmer or target.port
    layers = (board.flashers.get(name, {}), target.flasher_options or {})

    def write(images: Mapping[str, Path], hear: Hear) -> None:
        flash(name, port, images, read_options(name, *layers), hear)

    def copy(into: Path, hear: Hear) -> None:
        options = read_options(name, *layers)
        start = getattr(options, "address", board.flash.origin)
        copy_flash(name, port, board.flash.end - start, options, into, hear)

    return Tool(name, write, copy if flasher(name).reads else None, lambda: available(name))
