"""How much may be stored: a recording that finds no room is refused, or the oldest ones make room for it."""

from __future__ import annotations

import logging

from daemon.config import Data
from daemon.data.samples import Samples
from daemon.errors import QuotaExceeded

_log = logging.getLogger(__name__)

_MIB = 2**20


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
        own = self._settings.of_project(project_id)
        limits = (
            (f"project {project_id}", project_id, own.max_mb, f"data.projects.{project_id}.max_mb"),
            ("all projects together", None, self._settings.max_mb, "data.max_mb"),
        )
        for who, scope, limit, key in limits:
            held = self._samples.bytes_held(scope)
            excess = 0 if limit is None else held - limit * _MIB
            if excess > 0 and own.when_full == "drop-oldest":
                freed = self._samples.delete_oldest(project_id, category, sample_id, excess)
                _log.info("project %d: %d bytes of its oldest %s data made room", project_id, freed, category)
                excess -= freed
            if excess > 0:
                raise QuotaExceeded(
                    f"{who} may hold {limit} MiB of recordings, with this one it is {held / _MIB:.2f}: "
                    f"delete samples (post api/{project_id}/raw-data/delete-all/{category}), or raise {key}"
                )
