"""The way to one board: its port, held open between questions, and the tool that writes its firmware."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import LineLost, SerialLink
from daemon.errors import BoardUnreachable, FlashFailed
from daemon.wire.deploy import BoardInfo
from daemon.wire.worker import Log, Progress

Hear = Callable[[Progress | Log], None]

#: Seconds that a board may take to answer after it was written.
_START_S = 20.0
_PAUSE_S = 0.2
#: A board whose silence took so long to find out is not asked again for a while.
_SLOW_S, _BELIEVED_S = 1.0, 5.0
#: Seconds that a short answer may take: a second is a kilobyte at 9,600 baud.
_ANSWER_S = 1.5


@dataclass(frozen=True)
class Tool:
    """What writes the firmware of a board.

    Parameters
    ----------
    name : str
        Of the flasher.
    write : callable
        Firmware by format -> on the board, or a DeployError.
    copy : callable or None
        Copies what is on the board into a ``.bin`` file; None where the flasher cannot read.
    missing : callable
        Why it cannot be used; None where it can.
    """

    name: str
    write: Callable[[Mapping[str, Path], Hear], None]
    copy: Callable[[Path, Hear], None] | None
    missing: Callable[[], str | None]


class BoardLine:
    """The port of one target, for the thread of that target alone.

    Parameters
    ----------
    port : str
        Device file or URL.
    baud : int
        Bits per second.
    tool : Tool or None
        What writes its firmware; None where nothing does.
    """

    def __init__(self, port: str, baud: int, tool: Tool | None) -> None:
        self.port = port
        self.tool = tool
        self._baud = baud
        self._session: BoardSession | None = None
        self._open = contextlib.ExitStack()
        self._silence, self._silent_until = "", 0.0

    def session(self) -> BoardSession:
        """The talk with the board; the port is opened where it is not.

        It stays open: to open a port resets many boards.

        Raises
        ------
        BoardUnreachable
            The port is missing, in use, or not to be opened.
        """
        if self._session is None:
            link = self._open.enter_context(SerialLink(self.port, self._baud))
            self._session = BoardSession(link, answer_s=_ANSWER_S)
        return self._session

    def close(self) -> None:
        """Let go of the port, for a tool or because it is gone; safe to call twice."""
        self._session = None
        self._open.close()

    def info(self) -> BoardInfo:
        """Ask the board what it is and runs.

        Raises
        ------
        BoardUnreachable, BoardRefused
            It does not say.
        """
        if time.monotonic() < self._silent_until:
            raise BoardUnreachable(self._silence, retryable=True)
        began = time.monotonic()
        try:
            return self._info()
        except BoardUnreachable as error:
            self.close()
            if time.monotonic() - began > _SLOW_S:
                self._silence, self._silent_until = error.message, time.monotonic() + _BELIEVED_S
            raise

    def _info(self) -> BoardInfo:
        try:
            return self.session().info()
        except LineLost:
            # It may have been lost long ago, and be there again.
            self.close()
            return self.session().info()

    def wait_for_info(self) -> BoardInfo:
        """The same from a board that starts: it may take a while, and its port may come back first."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                return self.info()
            except BoardUnreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_S)

    def write_firmware(self, images: Mapping[str, bytes], hear: Hear) -> None:
        """Write firmware; what has begun is brought to an end.

        Raises
        ------
        DeployError
            As of the flasher.
        """
        assert self.tool is not None
        self.close()
        self._silent_until = 0.0
        with _scratch() as folder:
            files = {kind: folder / f"firmware.{kind}" for kind in images}
            for kind, path in files.items():
                path.write_bytes(images[kind])
            self.tool.write(files, hear)

    def copy_firmware(self, hear: Hear) -> bytes | None:
        """What is in the board's flash; None where its flasher cannot read it."""
        if self.tool is None or self.tool.copy is None:
            return None
        self.close()
        with _scratch() as folder:
            copied = folder / "copied.bin"
            self.tool.copy(copied, hear)
            return copied.read_bytes()


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A directory for a while.

    Raises
    ------
    FlashFailed
        The disk does not take what is to lie there, or a tool cannot be started.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="firmware-") as folder:
            yield Path(folder)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        message = f"the system refuses{where}: {error.strerror}: make room on its disk"
        raise FlashFailed(message, stage="flash") from error
