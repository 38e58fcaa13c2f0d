"""Losses of power in the middle of an update, at a chosen operation on flash."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from hw_tests.boards.peer import POWER_LOST, peer
from tests.firmware.smp_line import IMAGE, READ, WRITE, Line
from tests.firmware.updates import KEY_FLAG, Update, install, running

FACTORY = struct.pack("<i", 35)
OLD = [Update(bias=number * 10, sequence=number) for number in (1, 2)]
NEW = Update(bias=900, sequence=9)
RECORD, UNIT, JOURNAL = 32, 4, 0x400
OPERATIONS = 1 + len(NEW.signed()) // UNIT + RECORD // UNIT
"""On flash, of an update: the erasure of a slot, the blob, the record of the journal."""


def _nothing(_: Line) -> bytes:
    return FACTORY


def _one(line: Line) -> bytes:
    install(line, OLD[0])
    return OLD[0].output()


def _both(line: Line) -> bytes:
    _one(line)
    install(line, OLD[1])
    return OLD[1].output()


def _full_journal(line: Line) -> bytes:
    """The next record needs the other area, erased."""
    _both(line)
    for number in range(JOURNAL // RECORD - 2):
        line.ask(WRITE, IMAGE, 0, hash=OLD[number % 2].digest(), confirm=True)
    return OLD[1].output()


def _back_to_factory(line: Line) -> bytes:
    _both(line)
    (factory,) = [image for image in line.ask(READ, IMAGE, 0)["images"] if image["slot"] == 2]
    line.ask(WRITE, IMAGE, 0, hash=factory["hash"], confirm=True)
    return FACTORY


BEFORE: dict[str, Callable[[Line], bytes]] = {
    "factory": _nothing,
    "slot 0": _one,
    "slot 1": _both,
    "full journal": _full_journal,
    "back to factory": _back_to_factory,
}
"""What a board may have been through, and what it makes of the probe then."""


def operations(before: str) -> int:
    """How many operations on flash the update takes."""
    return OPERATIONS + (before == "full journal")


def prepare(before: str, flash: Path) -> bytes:
    """Bring a board to a state; what it then makes of the probe."""
    with peer(flash_file=flash, flags=[KEY_FLAG]) as board, Line.to(board) as line:
        return BEFORE[before](line)


def strike(prepared: Path, old: bytes, cuts: Sequence[int], flash: Path) -> int:
    """Lose power at each of some operations, one after another, and look at the board after each.

    Returns
    -------
    int
        How often power was lost: an update may be over before.

    Raises
    ------
    AssertionError
        Neither the old nor the new model runs, or the update cannot be brought to its end.
    """
    shutil.copy(prepared, flash)
    lost = 0
    for cut in cuts:
        with peer(flash_file=flash, flags=[KEY_FLAG], fail=cut) as board, Line.to(board) as line:
            try:
                install(line, NEW)
            except ConnectionError:
                assert board.process.wait() == POWER_LOST
                lost += 1
                done = False
            else:
                done = True
        with peer(flash_file=flash, flags=[KEY_FLAG]) as board, Line.to(board) as line:
            runs = running(line)
            assert runs in ({NEW.output()} if done else {old, NEW.output()}), (cuts, runs)
            if runs == NEW.output():
                break
    with peer(flash_file=flash, flags=[KEY_FLAG]) as board, Line.to(board) as line:
        if running(line) != NEW.output():
            install(line, NEW)
        line.reset()
        assert running(line) == NEW.output(), cuts
    return lost
