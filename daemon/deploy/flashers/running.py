"""Running a tool: bounded in time and output, and nothing of it left behind."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

#: Characters of output that are kept, the last ones: where tools say what went wrong.
KEPT = 64 * 1024
#: Characters of a line after which it is cut.
LINE = 1000
_END_OF_LINE = re.compile(r"[\r\n]+")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
#: Seconds for a program to end after it was asked to.
_GRACE_S = 2.0
#: Seconds between two looks at whether the board is there, and how many may fail: some boards go and come
#: while they are written.
_LOOK_S, _LOOKS = 1.0, 4
#: Seconds for output that is on its way when the program has ended.
_REST_S = 0.2


@dataclass(frozen=True)
class Ended:
    """How a tool ended.

    Parameters
    ----------
    status : int or None
        Its exit status, or minus a signal; None where it was ended.
    output : str
        The end of what it said on both outputs.
    """

    status: int | None
    output: str


def run(
    argv: Sequence[str],
    folder: Path,
    timeout_s: float,
    line: Callable[[str], None],
    growing: Callable[[str], None],
    alive: Callable[[], bool] = lambda: True,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Ended:
    """Run a program in a process group of its own, and end the group with it.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments; no shell reads them.
    folder : Path
        Working directory.
    timeout_s : float
        After that long it is asked to end, and killed where it does not.
    line : callable
        Told each complete line.
    growing : callable
        Told each line as far as it has come: progress bars.
    alive : callable
        Whether the board is still there; a tool whose board is gone for some seconds is ended like one that
        is late: avrdude for one would try for ever.

    Raises
    ------
    OSError
        The program cannot be started.
    """
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    listener = _Listener(line, growing)
    ended = os.pidfd_open(process.pid)
    try:
        with process.stdout as pipe:
            in_time = listener.listen(pipe.fileno(), ended, time.monotonic() + timeout_s, alive)
        if not in_time:
            os.killpg(process.pid, signal.SIGTERM)
            select.select([ended], [], [], _GRACE_S)
    finally:
        os.close(ended)
        # It is not waited for until here: the number of the group is still its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
    return Ended(status if in_time else None, listener.output)


class _Listener:
    """Cuts what a program says into lines.

    Parameters
    ----------
    line, growing : callable
        As in `run`.
    """

    def __init__(self, line: Callable[[str], None], growing: Callable[[str], None]) -> None:
        self.output = ""
        self._line = line
        self._growing = growing
        self._rest = ""

    def listen(self, pipe: int, ended: int, deadline: float, alive: Callable[[], bool]) -> bool:
        """Hear a program until it ends; False where the deadline comes first, or the board goes."""
        over = False
        gone = 0
        readable = {pipe, ended}
        while readable and (left := deadline - time.monotonic()) > 0 and gone < _LOOKS:
            # Somebody whom it has started may hold its output for longer than it lives.
            ready, _, _ = select.select(list(readable), [], [], _REST_S if over else min(left, _LOOK_S))
            if over and not ready:
                break
            gone = 0 if ready or alive() else gone + 1
            if ended in ready:
                over = True
                readable.discard(ended)
            if pipe in ready:
                if data := os.read(pipe, 4096):
                    self._hear(data)
                else:
                    readable.discard(pipe)
        self._tell(self._rest)
        return over

    def _hear(self, data: bytes) -> None:
        text = _COLOURS.sub("", data.decode("utf-8", "replace"))
        self.output = (self.output + text)[-KEPT:]
        *complete, rest = _END_OF_LINE.split(self._rest + text)
        for each in complete:
            self._growing(each)
            self._tell(each)
        self._rest = rest[-LINE:]
        self._growing(self._rest)

    def _tell(self, text: str) -> None:
        if text := text.strip():
            self._line(text[:LINE])
