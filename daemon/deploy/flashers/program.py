"""A flasher that is a program of somebody else."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.deploy.flashers.complaints import Complaint, explain
from daemon.deploy.flashers.flasher import STAGE, Flasher, Hear, Task
from daemon.deploy.flashers.running import Ended, run
from daemon.errors import DeployError, FlashFailed, ToolMissing
from daemon.wire.worker import Log, Progress

#: Lines of a tool that go into the job's log; one that says more is cut there.
LOG_LINES = 200
#: Smallest step of progress that is told.
_STEP = 0.01
_TELLING_VERSION_S = 10.0
#: What lines have that draw progress, and not those that tell of a step.
_BAR = re.compile(r"[%#=]")

Argv = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Program(Flasher):
    """A tool, what it is told, and how its output is read.

    Parameters
    ----------
    program : str
        Name of the executable.
    steps : callable
        Task -> the arguments of each run that writing takes, the program left out.
    backup : callable or None
        The same for reading.
    written : str
        Regular expression that the output of all steps together has only where all is well: an exit status
        alone is not believed.
    progress : callable
        A line as far as it has come -> share of the step that is done; None where the line says nothing.
    complaints : tuple of Complaint
        Failures that it words itself.
    tells_version : tuple of str
        Arguments that make it say its version.
    """

    program: str
    steps: Callable[[Task[Any]], Sequence[Argv]]
    backup: Callable[[Task[Any]], Sequence[Argv]] | None = None
    written: str
    progress: Callable[[str], float | None]
    complaints: tuple[Complaint, ...]
    tells_version: Argv = ("--version",)

    def path(self) -> str | None:
        """The executable: on the path, or where this Python has its own."""
        return shutil.which(self.program) or shutil.which(self.program, path=str(Path(sys.executable).parent))

    def missing(self) -> str | None:
        """Why it cannot be used, with how to install it; None where it can."""
        return None if self.path() else f"{self.program} is not installed: {self.install}"

    def version(self) -> str | None:
        """The first number with a dot that it says of itself."""
        if not (path := self.path()):
            return None
        with tempfile.TemporaryDirectory() as folder:
            said = run((path, *self.tells_version), Path(folder), _TELLING_VERSION_S, _unheard, _unheard)
        found = re.search(r"\d+\.\d+[\w.+-]*", said.output)
        return found[0] if found else None

    def write(self, task: Task[Any], hear: Hear) -> None:
        """Run the steps that write; see `Flasher.write`."""
        output = self._run(self.steps(task), task, hear)
        if not re.search(self.written, output, re.DOTALL):
            raise self._failure(Ended(0, output), task)

    def read(self, task: Task[Any], hear: Hear) -> None:
        """Run the steps that read; see `Flasher.read`."""
        assert self.backup is not None
        self._run(self.backup(task), task, hear)
        if not (task.folder / task.image).is_file():
            raise FlashFailed(f"{self.name} ended well and left no copy of the flash", stage=STAGE)

    def _run(self, steps: Sequence[Argv], task: Task[Any], hear: Hear) -> str:
        """Run one step after the other; their output together."""
        if not (path := self.path()):
            raise ToolMissing(self.missing() or self.program, stage=STAGE)
        output = ""
        for number, step in enumerate(steps):
            teller = _Teller(self.progress, hear, number, len(steps))
            limit = task.options.timeout_s
            ended = run((path, *step), task.folder, limit, teller.line, teller.growing, task.is_there)
            output += ended.output
            if ended.status != 0:
                raise self._failure(ended, task)
        return output

    def _failure(self, ended: Ended, task: Task[Any]) -> DeployError:
        if ended.status is None:
            error: DeployError = FlashFailed(
                f"it took longer than {task.options.timeout_s:g} s and was stopped: the board may hold half "
                "an image; deploy again, with a larger timeout_s where the line is slow",
                retryable=True,
            )
        else:
            error = explain(ended.output, self.complaints, task.place) or FlashFailed(
                f"it ended with status {ended.status}; its last words: {_last_words(ended.output)}"
            )
        said = ended.output.splitlines()[-20:]
        return type(error)(
            f"{self.name}: {error.message}",
            stage=STAGE,
            retryable=error.retryable,
            details={"flasher": self.name, "status": ended.status, "output": said},
        )


class _Teller:
    """Turns lines of one step into progress of all and into log.

    Parameters
    ----------
    progress : callable
        As in `Program`.
    hear : callable
        Told.
    number, steps : int
        Which step of how many.
    """

    def __init__(self, progress: Callable[[str], float | None], hear: Hear, number: int, steps: int) -> None:
        self._progress = progress
        self._hear = hear
        self._start, self._share = number / steps, 1 / steps
        self._told = self._start
        self._lines = 0

    def growing(self, text: str) -> None:
        """Tell progress; it only rises, and in steps that can be seen."""
        done = self._progress(text)
        if done is None:
            return
        fraction = self._start + self._share * min(max(done, 0.0), 1.0)
        if fraction >= self._told + _STEP or (fraction > self._told and done >= 1.0):
            self._told = fraction
            self._hear(Progress(STAGE, fraction))

    def line(self, text: str) -> None:
        """Tell a line, except those that only draw progress, and not without end."""
        if _BAR.search(text) and self._progress(text) is not None:
            return
        self._lines += 1
        if self._lines <= LOG_LINES:
            self._hear(Log("info", text))
        elif self._lines == LOG_LINES + 1:
            self._hear(Log("warn", f"more than {LOG_LINES} lines; the rest is left out"))


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.replace("\r", "\n").splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "none"


def _unheard(text: str) -> None:
    """For a tool that is not followed."""
