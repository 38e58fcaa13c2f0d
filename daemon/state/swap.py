"""The last steps of putting a backup back, which a power cut may part: the daemon, too, finishes them.

A directory ``restored`` in the state directory is complete. It is swapped with what is there, however often
that is cut off.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from daemon.database import FILE_NAME, SUSPECT
from daemon.durable import sync
from daemon.state import last_good
from daemon.state.repair import UNDER_WAY

#: Where a backup is unpacked; what it is called when that is complete; where what it replaces goes.
UNPACKING, RESTORED, _REPLACED = "restoring", "restored", "replaced"
#: What a backup puts in place of what is there, and what goes because it belongs to that.
_SWAPPED = (FILE_NAME, "projects", "jobs")
_DROPPED = (
    f"{FILE_NAME}-wal",
    f"{FILE_NAME}-shm",
    "work",
    UNDER_WAY,
    SUSPECT,
    last_good.FILE_NAME,
    last_good.PREVIOUS,
)


def finish_restore(state: Path) -> None:
    """Carry a restore that was cut off to its end, or clear away what it left before it was complete."""
    restored, replaced = state / RESTORED, state / _REPLACED
    if restored.is_dir():
        replaced.mkdir(exist_ok=True)
        for name in _DROPPED:
            if (state / name).exists():
                (state / name).rename(replaced / name)
        for name in _SWAPPED:
            # What has been put in place already is not there to be put in place.
            if not (restored / name).exists():
                continue
            if (state / name).exists():
                (state / name).rename(replaced / name)
            (restored / name).rename(state / name)
        sync(state)
        restored.rmdir()
    for left in (state / UNPACKING, replaced):
        shutil.rmtree(left, ignore_errors=True)
