"""Every flasher that is a program."""

from __future__ import annotations

from daemon.deploy.flashers.program import Program
from daemon.deploy.flashers.table import NAMES, flasher

PROGRAMS = [name for name in NAMES if isinstance(flasher(name), Program)]


def program(name: str) -> Program:
    """One of them."""
    found = flasher(name)
    assert isinstance(found, Program)
    return found
