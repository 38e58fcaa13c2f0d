"""A file that holds some room back, so that the end of a job can be written on a full disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_SIZE = 1024 * 1024


class Reserve:
    """The reserve of a state directory.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Take the room, where there is any and it is not held yet."""
        if self._path.exists() and self._path.stat().st_size == _SIZE:
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _SIZE)
        except OSError:
            # What could be taken of it is given back.
            self.free()

    def free(self) -> None:
        """Give the room away, where that can be done: a disk that takes no writes deletes nothing either."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
