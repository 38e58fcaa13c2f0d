"""How a command ends other than well; `daemon.__main__` makes exit statuses of it."""

from __future__ import annotations

import threading
from typing import NoReturn


class CommandEnds(Exception):
    """Base of both ends.

    Parameters
    ----------
    message : str or None
        A sentence for standard error; None where everything has been said.
    """

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message)
        self.message = message


class WorkFailed(CommandEnds):
    """The call was right and the work failed: a job, a connection, a disk."""


class CallWrong(CommandEnds):
    """The caller can mend it: a file, a configuration, a refused request."""


class Stopped(BaseException):
    """Ctrl-C, or SIGTERM where a command has something to end.

    Not a KeyboardInterrupt: one that strikes inside ``exec``, as `dataclasses` calls it while a module is
    imported, makes CPython end with the signal even if it is caught (``unhandled_keyboard_interrupt``).
    """


_asked = threading.Event()


def stop(_signal: int, _frame: object) -> NoReturn:
    """The handler of such a signal."""
    _asked.set()
    raise Stopped


def end_if_asked() -> None:
    """End now if a signal said so before: CPython drops an exception that strikes in a finalizer."""
    if _asked.is_set():
        raise Stopped
