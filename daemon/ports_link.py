"""The daemon's ear at the process that holds the serial ports."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from daemon.boards import Boards
from daemon.wire.deploy import MAX_LINE, Board, Cursor, Rows, Watch

_log = logging.getLogger(__name__)

#: Seconds before another try to be connected: the first, and the longest after some in vain.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 4.0
#: The pause at which a process is missed that was not there yet: one that is just starting is not.
_MISSED_PAUSE_S = 2.0


class PortsLink:
    """Hears what boards say of themselves and what they sample, and listens again where it is cut off.

    Parameters
    ----------
    socket : Path
        Where the process listens.
    boards : Boards
        Told of every board; told to forget where nobody speaks.
    hear : callable
        Told of rows that boards have sampled.
    cursors : callable
        Says by target where rows go on, at the beginning of each connection.
    """

    def __init__(
        self,
        socket: Path,
        boards: Boards,
        hear: Callable[[Rows], None],
        cursors: Callable[[], dict[str, Cursor]],
    ) -> None:
        self._socket = socket
        self._boards = boards
        self._hear = hear
        self._cursors = cursors

    async def run(self) -> None:
        """Listen until it is cancelled."""
        pause, told = _FIRST_PAUSE_S, False
        while True:
            heard = False
            try:
                async for news in self._listen():
                    pause, heard, told = _FIRST_PAUSE_S, True, False
                    if isinstance(news, Board):
                        self._boards.hear(news)
                    else:
                        self._hear(news)
                why = "it has closed the connection"
            except (OSError, ValueError) as error:
                why = str(error)
            except Exception as error:  # noqa: BLE001
                _log.exception("what the process that holds the serial ports says cannot be heard")
                why = str(error)
            if not told and (heard or pause >= _MISSED_PAUSE_S):
                _log.warning("nobody speaks for the boards at %s: %s", self._socket, why)
                told = True
            self._boards.forget()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _listen(self) -> AsyncIterator[Board | Rows]:
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=MAX_LINE)
        try:
            writer.write(msgspec.json.encode(Watch(self._cursors())) + b"\n")
            while line := await reader.readline():
                yield msgspec.json.decode(line, type=Board | Rows)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
