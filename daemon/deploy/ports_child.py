"""The ports process as a child of the daemon, where no unit runs it: kept alive, ended with the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

_log = logging.getLogger(__name__)

#: Seconds before it is started again: the first time, and the longest after several deaths in a row.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0
#: Seconds after which a process that ran so long counts as one that works.
_SETTLED_S = 60.0
#: Seconds that its end is waited for. A flash takes longer: it goes on by itself, and the next process waits.
_END_S = 10.0


class PortsChild:
    """Keeps a ports process running.

    Parameters
    ----------
    config_file : Path
        The daemon's own configuration.
    """

    def __init__(self, config_file: Path) -> None:
        self._config_file = config_file
        self._process: subprocess.Popen[bytes] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep it running."""
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """End it, as its standard input ends."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        # One that has ended by itself is waited for already.
        if self._process is not None and self._process.returncode is None:
            self._hang_up(self._process)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(_end_of(self._process), _END_S)

    async def _keep(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            try:
                self._process = self._start()
            except OSError as error:
                _log.error("the process that holds the ports cannot be started: %s", error)
            else:
                await _end_of(self._process)
                self._hang_up(self._process)
                _log.error("the process that holds the ports ended with status %s", self._process.returncode)
            pause = _FIRST_PAUSE_S if time.monotonic() - began > _SETTLED_S else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "daemon.deploy.ports"),
                *("--until-eof", "--config", str(self._config_file)),
            ],
            stdin=subprocess.PIPE,
            # A signal for the daemon's group is not for a process that flashes.
            start_new_session=True,
            env=environment,
        )

    def _hang_up(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        process.stdin.close()


async def _end_of(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has ended, without a thread."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    try:
        loop.add_reader(descriptor, ended.set)
        await ended.wait()
        process.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
