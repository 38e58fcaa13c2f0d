"""Targets held against the facts of their boards: what is wrong with them, and what each can do."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.config_file import mistakes_in
from daemon.deploy.boards import Board, load_boards
from daemon.deploy.compilers import COMPILERS
from daemon.deploy.flashers.table import available, read_options
from daemon.errors import DeployError
from daemon.wire.targets import Target


def known_boards(config: Config) -> dict[str, Board]:
    """Every board that a target may be, by name.

    Raises
    ------
    DeployError
        A file about one of them is wrong.
    """
    folder = config.deploy.boards_dir
    return load_boards(None if folder is None else Path(folder))


def check_targets(path: Path, config: Config) -> None:
    """Make sure that targets are boards that are known, and can do what is wanted of them.

    Parameters
    ----------
    path : Path
        The configuration file, for the lines of mistakes.
    config : Config
        What it says.

    Raises
    ------
    ConfigError
        Something is wrong; the message names line and key of every mistake.
    """
    if not config.targets and config.deploy.boards_dir is None:
        return
    try:
        boards = known_boards(config)
    except DeployError as error:
        raise mistakes_in(path, [("deploy.boards_dir", error.message)]) from None
    mistakes = [
        (f"targets.{name}.{key}", problem)
        for name, target in (config.targets or {}).items()
        for key, problem in _problems(target, boards)
    ]
    if mistakes:
        raise mistakes_in(path, mistakes)


def describe_targets(config: Config) -> list[dict[str, Any]]:
    """What each target can do, as ``capabilities`` has it."""
    if not config.targets:
        return []
    try:
        boards, trouble = known_boards(config), ""
    except DeployError as error:
        boards, trouble = {}, error.message
    found = []
    for name, target in config.targets.items():
        board = boards.get(target.board)
        can = _unable(target, trouble) if board is None else _abilities(target, board)
        found.append({"name": name, "groups": list(target.groups), "samples": target.samples, **can})
    return found


def board_facts(board: Board) -> dict[str, Any]:
    """Facts about a board that decide what it can take."""
    return {
        "board": board.name,
        "title": board.title,
        "core": board.core,
        "flashBytes": board.flash.size,
        "ramBytes": board.ram.size,
        "slotBytes": None if board.slots is None else board.slots.size,
        "flashers": list(board.flashers),
    }


def chosen_flasher(target: Target, board: Board) -> str | None:
    """The tool that writes a target's firmware; None where it has none."""
    return target.flasher or next(iter(board.flashers), None)


def _problems(target: Target, boards: dict[str, Board]) -> Iterator[tuple[str, str]]:
    """What is wrong with a target: key and message."""
    board = boards.get(target.board)
    if board is None:
        close = difflib.get_close_matches(target.board, boards, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(boards)}"
        yield "board", f"{target.board!r} is unknown, {hint}"
        return
    flasher = chosen_flasher(target, board)
    if target.method == "slot" and board.slots is None:
        yield "method", f"is slot, and the firmware of {board.name} has none: use firmware"
    if target.method == "firmware" and flasher is None:
        yield "method", f"is firmware, and nothing that flashes {board.name} is known: add it to its facts"
    if target.flasher is not None and target.flasher not in board.flashers:
        known = ", ".join(board.flashers) or "none"
        yield "flasher", f"{board.name} is not flashed with {target.flasher!r}: known are {known}"
    elif flasher is not None and (target.method == "firmware" or target.flasher or target.flasher_options):
        problem = _problem_of_options(target, board, flasher)
        yield from [] if problem is None else [("flasher_options", problem)]
    if target.application is not None and not Path(target.application).is_dir():
        yield "application", f"there is no directory {target.application}"
    if target.build is not None and (not target.build or shutil.which(target.build[0]) is None):
        yield "build", f"there is no program {target.build[0] if target.build else ''!r}"


def _unable(target: Target, trouble: str) -> dict[str, Any]:
    """Of a target whose board is not known."""
    reason = trouble or f"there is no board {target.board!r}"
    return {"board": target.board, "methods": [], "flasher": None, "available": False, "reason": reason}


def _abilities(target: Target, board: Board) -> dict[str, Any]:
    flasher = chosen_flasher(target, board)
    lacks = {
        "slot": None if board.slots is not None else f"the firmware of {board.name} has no slots",
        "firmware": _lacks_for_firmware(target, board, flasher),
    }
    wanted = [method for method in lacks if target.method in ("auto", method)]
    methods = [method for method in wanted if lacks[method] is None]
    reasons = [reason for method in wanted if (reason := lacks[method]) is not None]
    return {
        **board_facts(board),
        "methods": methods,
        "flasher": flasher,
        "available": bool(methods),
        **({"reason": "; ".join(reasons)} if reasons else {}),
    }


def _lacks_for_firmware(target: Target, board: Board, flasher: str | None) -> str | None:
    """Why no firmware can be built for a target, or not be flashed; None where both can."""
    if flasher is None:
        return f"nothing that flashes {board.name} is known"
    if target.build is None:
        if board.hal is None and target.application is None:
            return f"there is no reference firmware for {board.name}: give `application` or `build`"
        if board.compiler is not None and shutil.which(board.compiler) is None:
            return f"{board.compiler} is not installed: {COMPILERS[board.compiler].install}"
    return _problem_of_options(target, board, flasher) or available(flasher)


def _problem_of_options(target: Target, board: Board, flasher: str) -> str | None:
    try:
        read_options(flasher, board.flashers[flasher], target.flasher_options or {})
    except DeployError as error:
        return error.message
    return None
