"""What running jobs wrote: one file a job, read back line by line."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import msgspec

from daemon.data.index import utc_now
from daemon.wire.jobs import JobInfo, LogLine, ProgressInfo
from daemon.wire.worker import Log

#: Most lines of a job that are given back: the last ones.
MAX_LINES = 1000
#: Most bytes of a job that are kept.
_MAX_BYTES = 4 * 1024 * 1024


class JobLogs:
    """The logs under one state directory; an observer of the queue.

    Parameters
    ----------
    state_path : Path
        The state directory.
    """

    def __init__(self, state_path: Path) -> None:
        self._directory = state_path / "jobs"

    def read(self, job_id: int) -> tuple[int, list[LogLine]]:
        """How many lines a job wrote, and the last of them."""
        try:
            with self._path(job_id).open("rb") as file:
                total, last = 0, deque[bytes](maxlen=MAX_LINES)
                for line in file:
                    total += 1
                    last.append(line)
        except FileNotFoundError:
            return 0, []
        lines = []
        for line in last:
            # A power cut may have left half a line.
            try:
                lines.append(msgspec.json.decode(line, type=LogLine))
            except msgspec.MsgspecError:
                continue
        return total, lines

    def job_logged(self, job_id: int, line: Log) -> None:
        """Write a line; a job that writes without end is cut off."""
        path = self._path(job_id)
        self._directory.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            if file.tell() < _MAX_BYTES:
                file.write(msgspec.json.encode(LogLine(utc_now(), line.text, line.level)) + b"\n")

    def job_forgotten(self, job_id: int) -> None:
        """Delete the log of a job that is no longer remembered."""
        self._path(job_id).unlink(missing_ok=True)

    def job_changed(self, job: JobInfo) -> None:
        """Nothing to do."""

    def job_progressed(self, job_id: int, progress: ProgressInfo) -> None:
        """Nothing to do."""

    def _path(self, job_id: int) -> Path:
        return self._directory / f"{job_id}.log"
