"""The worker's side of the ports process: one operation after another, and again where it was cut off."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from daemon.errors import BoardUnreachable, DeployError
from daemon.wire.deploy import MAX_LINE, Answer, Ask, Board, Deploy, Key, Operation, PublicKey
from daemon.wire.worker import Done, Failed, Log, Progress, told_error

#: Seconds that the ports process may be away: it is started anew, or ends a flash before that.
PATIENCE_S = 120.0
#: Seconds between two looks whether the job was canceled.
_SLICE_S = 0.25
#: How often an operation is begun again that was cut off, and how many seconds later each time.
_ATTEMPTS, _PAUSE_S = 5, 0.5


class PortsClient:
    """Asks the ports process.

    Parameters
    ----------
    path : Path
        Its socket.
    check : callable
        Raises where the job is to stop; called while there is nothing to hear.
    patience_s : float
        Seconds that nobody may listen.
    """

    def __init__(self, path: Path, check: Callable[[], None], patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._check = check
        self._patience_s = patience_s

    def public_key(self) -> bytes:
        """What firmware is to trust."""
        for answer in self._answers(Key(), self._check):
            if isinstance(answer, PublicKey):
                return answer.key
        raise AssertionError

    def ask(self, target: str) -> Board:
        """A target as it is, as soon as its port is free."""
        for answer in self._answers(Ask(target), self._check):
            if isinstance(answer, Board):
                return answer
        raise AssertionError

    def deploy(self, order: Deploy, hear: Callable[[Progress | Log], None]) -> dict[str, Any]:
        """Put a model onto a board; returns the result.

        Firmware is waited for whatever the job wants, once the board's turn has come: a flash that has begun
        is brought to its end.

        Raises
        ------
        DeployError
            It is not there.
        """
        begun = False

        def check() -> None:
            if not begun:
                self._check()

        for answer in self._answers(order, check):
            if isinstance(answer, Done):
                return answer.result
            if isinstance(answer, (Progress, Log)):
                begun = begun or (bool(order.images) and isinstance(answer, Progress))
                hear(answer)
        raise AssertionError

    def _answers(self, operation: Operation, check: Callable[[], None]) -> Iterator[Answer]:
        """What is answered; where the process dies the next one is asked: every operation may be repeated."""
        line = msgspec.json.encode(operation) + b"\n"
        if len(line) > MAX_LINE:
            raise DeployError(f"what is to be sent has {len(line):,} bytes, and may have {MAX_LINE:,}")
        for attempt in range(_ATTEMPTS):
            self._pause(attempt * _PAUSE_S)
            try:
                with self._connected() as link:
                    link.settimeout(_SLICE_S)
                    _send(link, line, self._patience_s)
                    for answer in _lines(link, check):
                        if isinstance(answer, Failed):
                            raise told_error(answer)
                        yield answer
            except OSError:
                if attempt + 1 == _ATTEMPTS:
                    raise BoardUnreachable(
                        "the process that holds the ports broke off again and again: see its log",
                        retryable=True,
                    ) from None

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._check()
            time.sleep(_SLICE_S)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        deadline = time.monotonic() + self._patience_s
        while True:
            self._check()
            link = socket.socket(socket.AF_UNIX)
            try:
                link.connect(str(self._path))
                break
            except OSError as error:
                link.close()
                if time.monotonic() > deadline:
                    raise BoardUnreachable(
                        f"nobody holds the ports: {self._path}: {error.strerror}; "
                        "start trainerd-ports.service, or leave deploy.socket out",
                        retryable=True,
                    ) from None
                time.sleep(_SLICE_S)
        with link:
            yield link


def _send(link: socket.socket, line: bytes, patience_s: float) -> None:
    link.settimeout(patience_s)
    link.sendall(line)
    link.settimeout(_SLICE_S)


def _lines(link: socket.socket, check: Callable[[], None]) -> Iterator[Answer]:
    decoder, waiting = msgspec.json.Decoder(Answer), bytearray()
    while True:
        try:
            received = link.recv(65536)
        except TimeoutError:
            check()
            continue
        if not received:
            raise ConnectionResetError("the ports process has closed the connection")
        waiting += received
        if len(waiting) > MAX_LINE:
            raise DeployError("the ports process says more than a line may hold")
        *lines, rest = waiting.split(b"\n")
        waiting = rest
        for line in lines:
            yield decoder.decode(line)
