"""In the place of the process that holds the ports: boards say what a test has them say."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType

import msgspec

from daemon.wire.deploy import Board, BoardInfo, Operation, Rows, Watch
from tests.harness import wait_until

TARGET = "press"


class StandInPorts:
    """Listens where the daemon looks for that process.

    Parameters
    ----------
    path : Path
        The socket.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[Watch] = []
        self._listener: socket.socket | None = None
        self._watcher: socket.socket | None = None

    def __enter__(self) -> StandInPorts:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Be gone, as after a crash."""
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._let_go()

    def say(self, news: Board | Rows | bytes) -> None:
        """Tell the daemon, once it listens."""
        watcher: socket.socket = wait_until("the daemon to listen", lambda: self._watcher)
        watcher.sendall((news if isinstance(news, bytes) else msgspec.json.encode(news)) + b"\n")

    def _let_go(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                with peer.makefile("rb") as lines:
                    asked = msgspec.json.decode(lines.readline(), type=Operation)
                if isinstance(asked, Watch):
                    self._let_go()
                    self._watcher = peer
                    self.heard.append(asked)
                else:
                    peer.close()


def board(
    version: int, *, target: str = TARGET, asked: str = "2026-03-01T12:00:00.000Z", **facts: object
) -> Board:
    """A board that runs a version of learn block 7 of project 1."""
    info = BoardInfo(
        protocol=1,
        firmware="trainerd 0.1.0",
        board="mps2-an386",
        name="kmeans",
        architecture="a" * 32,
        slots=2,
        slot_bytes=16384,
        sequence=version,
        source="slot0",
        confirmed=True,
        digest=f"{version:064x}",
        project_id=1,
        learn_id=7,
        version=version,
        row_inputs=3,
        input_bytes=3,
        output_bytes=4,
        output_width=4,
        max_rows=8,
        boot=5,
    )
    return Board(target, asked, msgspec.structs.replace(info, **facts))


def gone(reason: str, target: str = TARGET) -> Board:
    """A board that does not answer."""
    return Board(target, "2026-03-01T12:00:01.000Z", None, reason)
