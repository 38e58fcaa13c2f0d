"""One process at a time works on a state directory."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.errors import StateError


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold a state directory for this process; the system lets go of it when the process dies.

    Raises
    ------
    StateError
        Another process holds it.
    """
    with (state / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError(f"{state} is in use by another trainerd: stop that one first") from None
        yield
