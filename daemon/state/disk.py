"""How much room the state directory has left."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

#: The room must grow by this factor above the limit before it is called low again.
_RELIEF = 1.25


class DiskWatch:
    """Tells once when the room falls below a limit.

    Parameters
    ----------
    directory : Path
        Whose file system is watched.
    low_mb : int
        The limit in MiB.
    tell : callable
        Called with ``freeMb``, ``totalMb`` and ``lowMb``.
    """

    def __init__(self, directory: Path, low_mb: int, tell: Callable[[dict[str, Any]], None]) -> None:
        self._directory = directory
        self._low_mb = low_mb
        self._tell = tell
        self._is_low = False

    def look(self) -> None:
        """Look once."""
        found = os.statvfs(self._directory)
        free_mb, total_mb = (found.f_frsize * blocks // 2**20 for blocks in (found.f_bavail, found.f_blocks))
        if free_mb >= self._low_mb * _RELIEF:
            self._is_low = False
        elif free_mb < self._low_mb and not self._is_low:
            self._is_low = True
            _log.warning("%s has %d of %d MiB left", self._directory, free_mb, total_mb)
            self._tell({"freeMb": free_mb, "totalMb": total_mb, "lowMb": self._low_mb})
