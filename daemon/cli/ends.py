"""How a command ends other than well; `daemon.__main__` makes exit statuses of it."""

from __future__ import annotations


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
