"""What a daemon with targets has beside: it hears the boards, publishes and stores what comes from them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from daemon.deploy.ports_child import PortsChild
from daemon.handlers.services import Services
from daemon.live_answers import LiveAnswers
from daemon.ports_link import PortsLink
from daemon.publisher import Publisher
from daemon.sampling import Sampling
from daemon.wire.deploy import Cursor, Rows


class BoardsService:
    """The boards of one device.

    Parameters
    ----------
    services : Services
        Told of the boards; keeps their rows.
    publisher : Publisher
        Publishes what is heard.
    config_file : Path
        What a process reads that holds the ports, where this starts one.
    """

    def __init__(self, services: Services, publisher: Publisher, config_file: Path) -> None:
        self._ports = PortsChild(config_file) if services.config.deploy.socket is None else None
        self._answers = LiveAnswers(services.registry, publisher.answered)
        self._sampling = Sampling(services, publisher.event)
        self._link = PortsLink(services.config.ports_socket_path, services.boards, self._hear, self._cursors)
        self._heard: dict[str, Cursor] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Have the ports held, and begin to listen."""
        if self._ports is not None:
            self._ports.start()
        self._task = asyncio.get_running_loop().create_task(self._link.run())

    async def stop(self) -> None:
        """Store what has been heard, and listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._sampling.store_all()
        if self._ports is not None:
            await self._ports.stop()

    def _cursors(self) -> dict[str, Cursor]:
        """Where the rows of each target go on: behind those that are stored, or were heard at least."""
        return {**self._heard, **self._sampling.cursors()}

    def _hear(self, rows: Rows) -> None:
        self._heard[rows.target] = rows.cursor
        self._answers.hear(rows)
        self._sampling.hear(rows)
