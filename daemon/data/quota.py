"""How much may be stored: a recording that finds no room is refused, or the oldest ones make room for it."""

from __future__ import annotations

import logging
from typing import NamedTuple

from daemon.config import Data
from daemon.data.samples import Samples
from daemon.errors import QuotaExceeded

_log = logging.getLogger(__name__)

_MIB = 2**20


class _Limit(NamedTuple):
    """Most MiB of a project's recordings, or of all where it is None, and the key that says so."""

    who: str
    project_id: int | None
    mib: int
    key: str


class Quota:
    """The limits of one device. Changes happen inside the caller's transaction.

    Parameters
    ----------
    settings : Data
        The limits.
    samples : Samples
        What is stored.
    """

    def __init__(self, settings: Data, samples: Samples) -> None:
        self._settings = settings
        self._samples = samples

    def hold(self, project_id: int, category: str, sample_id: int) -> None:
        """Bring what is stored back within the limits, now that a recording has been added.

        Parameters
        ----------
        project_id, category, sample_id
            Where it was added, and as what. Only there are older ones dropped, so that a stream of training
            data does not use up the testing data.

        Raises
        ------
        QuotaExceeded
            It is too much; the caller's transaction must not be committed.
        """
        if self._settings.of_project(project_id).when_full == "drop-oldest":
            for limit in self._limits(project_id):
                freed = self._samples.delete_oldest(project_id, category, sample_id, self._excess(limit))
                if freed:
                    _log.info(
                        "project %d: %d bytes of its oldest %s data made room", project_id, freed, category
                    )
        self.check(project_id)

    def check(self, project_id: int) -> None:
        """Make sure that what is stored is within the limits, now that a project's data has changed.

        Raises
        ------
        QuotaExceeded
            It is too much; the caller's transaction must not be committed.
        """
        for limit in self._limits(project_id):
            if self._excess(limit) > 0:
                held = self._samples.bytes_held(limit.project_id) / _MIB
                raise QuotaExceeded(
                    f"{limit.who} may hold {limit.mib} MiB of recordings, with this it is {held:.2f}: "
                    f"delete samples (post api/{project_id}/raw-data/delete-all), or raise {limit.key}"
                )

    def _limits(self, project_id: int) -> list[_Limit]:
        everything = _Limit("all projects together", None, self._settings.max_mb, "data.max_mb")
        own = self._settings.of_project(project_id).max_mb
        if own is None:
            return [everything]
        key = f"data.projects.{project_id}.max_mb"
        return [_Limit(f"project {project_id}", project_id, own, key), everything]

    def _excess(self, limit: _Limit) -> int:
        return self._samples.bytes_held(limit.project_id) - limit.mib * _MIB
