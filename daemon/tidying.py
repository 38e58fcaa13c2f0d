"""What a deletion leaves to be done once it is on disk: files to remove, room to give back."""

from __future__ import annotations

import asyncio
import logging

from daemon.data.projects import Projects
from daemon.database import Database
from daemon.errors import DiskUnwritable
from daemon.models.registry import Registry

_log = logging.getLogger(__name__)

#: Free pages that are kept for what comes next: 1 MiB.
_KEPT_PAGES = 256
#: Pages of one step, some tens of milliseconds, and the seconds between two, in which requests are served.
_STEP_PAGES = 64
_STEP_S = 0.05
#: Seconds before it is tried again where nothing can be written.
_FULL_S = 10.0


class Tidying:
    """Tidies up, on the core thread, between requests.

    Parameters
    ----------
    database : Database
        Whose file is cut.
    projects : Projects
        Knows what is deleted.
    registry : Registry
        Whose files are removed.
    """

    def __init__(self, database: Database, projects: Projects, registry: Registry) -> None:
        self._database = database
        self._projects = projects
        self._registry = registry
        self._timer: asyncio.TimerHandle | None = None

    def kick(self) -> None:
        """Something was committed: see whether it leaves anything to do."""
        self.remove_deleted()
        if self._timer is None and self._database.free_pages() > _KEPT_PAGES:
            self._later(_STEP_S)

    def remove_deleted(self) -> None:
        """Remove the files of deleted projects; also after a start, where a power cut came in between."""
        for project_id in self._projects.removals():
            try:
                self._registry.remove_project(project_id)
                with self._database.transaction():
                    self._projects.removed(project_id)
            except (OSError, DiskUnwritable) as error:
                _log.error("the files of deleted project %d cannot be removed yet: %s", project_id, error)

    def _later(self, seconds: float) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # A command that works without a daemon is gone before the next step.
            return
        self._timer = loop.call_later(seconds, self._step)

    def _step(self) -> None:
        self._timer = None
        try:
            self._database.give_back(_STEP_PAGES)
        except DiskUnwritable:
            self._later(_FULL_S)
            return
        if self._database.free_pages() > _KEPT_PAGES:
            self._later(_STEP_S)
