"""What handlers work with, and what they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.boards import Boards
from daemon.config import Config
from daemon.data.atk_models import AtkModels
from daemon.data.frames import Frames
from daemon.data.index import DataIndex
from daemon.data.projects import Projects
from daemon.data.quota import Quota
from daemon.data.samples import Samples
from daemon.database import Database
from daemon.jobs.logs import JobLogs
from daemon.jobs.queue import JobQueue
from daemon.jobs.store import JobStore
from daemon.models.registry import Registry
from daemon.models.summary import model_summary
from daemon.presence import Presence


@dataclass(frozen=True)
class Services:
    """The parts of the daemon that handlers use.

    Parameters
    ----------
    capabilities : dict
        What the device can do, as published.
    """

    config: Config
    database: Database
    data: DataIndex
    samples: Samples
    quota: Quota
    frames: Frames
    projects: Projects
    atk_models: AtkModels
    registry: Registry
    jobs: JobStore
    logs: JobLogs
    queue: JobQueue
    presence: Presence
    boards: Boards
    capabilities: dict[str, Any]

    def model_in_use(self, project_id: int, learn_id: int) -> dict[str, Any]:
        """The current version of a model in short, and what targets run of the model.

        Raises
        ------
        NotFound
            There is none, or the disk has damaged it.
        """
        manifest = self.registry.current_manifest(project_id, learn_id)
        return {**model_summary(manifest), "targets": self.boards.running(project_id, learn_id)}


@dataclass(frozen=True)
class Call:
    """One request, as its handler sees it.

    Parameters
    ----------
    ids : dict
        Numbers out of the path: ``projectId``, ``learnId``, ...
    name : str
        The rest of the path, where the route takes one.
    body : Any
        The body, of the route's type.
    request_id : str or None
        Id that the sender gave.
    received : bytes
        The body as it was received.
    local : bool
        Whether the kernel vouches for the sender.
    """

    ids: dict[str, int]
    name: str
    body: Any
    request_id: str | None
    received: bytes = b""
    local: bool = False

    @property
    def project_id(self) -> int:
        """The project in the path."""
        return self.ids["projectId"]

    @property
    def learn_id(self) -> int:
        """The learn block in the path."""
        return self.ids["learnId"]
