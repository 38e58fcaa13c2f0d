"""A worker that is ready before there is a job for it: TensorFlow is loaded, and has computed once.

It saves a network's training the seconds until its first epoch, and takes half a gigabyte of memory
meanwhile: an option, for gateways that have it.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from daemon.trainers.table import NETWORKS
from daemon.wire.worker import WarmUp, WorkerLimits
from daemon.worker.supervisor import kill_worker, start_worker

_log = logging.getLogger(__name__)


class SpareWorker:
    """Keeps one worker ready; without it every training starts its own.

    Parameters
    ----------
    limits : WorkerLimits
        What a worker may use.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._stopped = False

    async def get_ready(self) -> None:
        """Start a worker, where none waits; it loads what it needs by itself."""
        async with self._starting:
            if not self._stopped and (self._process is None or self._process.returncode is not None):
                await self._start()

    def take(self) -> asyncio.subprocess.Process | None:
        """The worker, which is the caller's from now on; None where none waits."""
        process, self._process = self._process, None
        return process if process is not None and process.returncode is None else None

    async def stop(self) -> None:
        """End the worker that waits, and start no other."""
        self._stopped = True
        async with self._starting:
            process = self.take()
            if process is not None:
                kill_worker(process)
                await process.wait()

    async def _start(self) -> None:
        if all(entry.missing() is not None for entry in NETWORKS.values()):
            _log.warning("no worker is kept ready: networks cannot be trained here")
            return
        try:
            self._process = await start_worker(self._limits)
        except OSError as error:
            _log.warning("no worker could be kept ready: %s", error)
            return
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(WarmUp(self._limits)) + b"\n")
