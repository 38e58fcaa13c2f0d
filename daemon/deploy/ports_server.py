"""The socket of the ports process: who may come in, what they want, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from pathlib import Path

import msgspec

from daemon.deploy.recent_rows import RecentRows
from daemon.deploy.target_thread import Order, TargetThread
from daemon.errors import MalformedBody, NotFound
from daemon.peers import credentials
from daemon.wire.deploy import (
    MAX_LINE,
    Answer,
    Ask,
    Board,
    Cursor,
    Deploy,
    Key,
    Operation,
    PublicKey,
    Rows,
    Watch,
)
from daemon.wire.worker import Done, Failed, Log, Progress

_log = logging.getLogger(__name__)

#: Clients at the same time.
_MOST_CLIENTS = 32
#: Seconds in which a client has to say what it wants, and to take what it is told.
_PATIENCE_S = 30.0
#: Answers that wait for a client; of more, progress is left out.
_MOST_ANSWERS = 1000


class PortsServer:
    """Serves the operations of `daemon.wire.deploy`.

    Parameters
    ----------
    path : Path
        The socket.
    users : callable
        Users whose processes may come in, beside root; asked each time, as the daemon may be new here.
    public_key : bytes
        What `Key` is answered.
    """

    def __init__(self, path: Path, users: Callable[[], Collection[int]], public_key: bytes) -> None:
        self._path = path
        self._users = users
        self._public_key = public_key
        self._threads: dict[str, TargetThread] = {}
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._boards: dict[str, Board] = {}
        self._rows: dict[str, RecentRows] = {}
        self._news = asyncio.Event()
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, threads: dict[str, TargetThread]) -> None:
        """Listen.

        Parameters
        ----------
        threads : dict
            Those of the targets, by name; they tell `publish` of their boards.
        """
        self._threads, self._loop = threads, asyncio.get_running_loop()
        self._rows = {name: RecentRows() for name in threads}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        umask = os.umask(0o117)
        try:
            self._server = await asyncio.start_unix_server(self._meet, str(self._path), limit=MAX_LINE)
        finally:
            os.umask(umask)

    async def stop_listening(self) -> None:
        """Let nobody in any more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def stop(self) -> None:
        """Part from those who are there still."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def publish(self, news: Board | Rows) -> None:
        """Tell watchers; called in the threads of targets."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._note, news)

    def _note(self, news: Board | Rows) -> None:
        if isinstance(news, Board):
            self._boards[news.target] = news
        else:
            self._rows[news.target].add(news)
        self._news.set()
        self._news = asyncio.Event()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            uid, _ = credentials(writer.get_extra_info("socket"))
            if uid not in {0, *self._users()} or len(self._clients) > _MOST_CLIENTS:
                _log.warning("a client of user %d was turned away", uid)
                return
            line = await asyncio.wait_for(reader.readline(), _PATIENCE_S)
            async with contextlib.aclosing(self._serve(line, reader)) as answers:
                async for answer in answers:
                    writer.write(msgspec.json.encode(answer) + b"\n")
                    await asyncio.wait_for(writer.drain(), _PATIENCE_S)
        except asyncio.TimeoutError:
            _log.warning("a client was cut off: it took too long")
        except (ValueError, ConnectionError) as error:
            _log.warning("a client was cut off: %s", error)
        except asyncio.CancelledError:
            # The process stops.
            pass
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve(self, line: bytes, reader: asyncio.StreamReader) -> AsyncGenerator[Answer, None]:
        try:
            operation = msgspec.json.decode(line, type=Operation)
        except msgspec.DecodeError as error:
            yield Failed(MalformedBody.code, f"the line is no operation: {error}", None, False)
            return
        if isinstance(operation, Key):
            yield PublicKey(self._public_key)
        elif isinstance(operation, Watch):
            async for news in _while_there(self._watch(operation.cursors), reader):
                yield news
        elif operation.target not in self._threads:
            known = ", ".join(self._threads) or "none"
            message = f"there is no target {operation.target!r}; the ports process has {known}: restart it"
            yield Failed(NotFound.code, message, None, False)
        else:
            async for answer in self._order(operation, reader):
                yield answer

    async def _order(self, operation: Ask | Deploy, reader: asyncio.StreamReader) -> AsyncIterator[Answer]:
        """Have a target's thread do it; pass on what it tells."""
        loop, answers = asyncio.get_running_loop(), asyncio.Queue[Answer]()

        def hear(answer: Answer) -> None:
            loop.call_soon_threadsafe(_pass_on, answers, answer)

        order = Order(operation, hear)
        try:
            self._threads[operation.target].submit(order)
            async for answer in _while_there(_until_the_end(answers), reader):
                yield answer
        finally:
            order.gone.set()

    async def _watch(self, cursors: dict[str, Cursor]) -> AsyncIterator[Answer]:
        """Boards as they are and change, and rows from where the watcher is."""
        told: dict[str, Board] = {}
        cursors = dict(cursors)
        while True:
            news = self._news
            for name, board in list(self._boards.items()):
                if told.get(name) is not board:
                    told[name] = board
                    yield board
            for name, recent in self._rows.items():
                while (rows := recent.after(cursors.get(name))) is not None:
                    cursors[name] = rows.cursor
                    yield rows
            await news.wait()


async def _while_there(answers: AsyncIterator[Answer], reader: asyncio.StreamReader) -> AsyncIterator[Answer]:
    """Answers for as long as the client is there: the end of what it says is its end."""
    gone = asyncio.ensure_future(reader.read(1))
    try:
        while True:
            following = asyncio.ensure_future(anext(answers, None))
            done, _ = await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
            if following not in done:
                following.cancel()
                return
            answer = following.result()
            if answer is None:
                return
            yield answer
    finally:
        gone.cancel()


async def _until_the_end(answers: asyncio.Queue[Answer]) -> AsyncIterator[Answer]:
    while True:
        answer = await answers.get()
        yield answer
        if isinstance(answer, (Board, Done, Failed)):
            return


def _pass_on(answers: asyncio.Queue[Answer], answer: Answer) -> None:
    if answers.qsize() < _MOST_ANSWERS or not isinstance(answer, (Progress, Log)):
        answers.put_nowait(answer)


def join(threads: Collection[TargetThread]) -> None:
    """Stop threads and wait for their end."""
    for thread in threads:
        thread.stop()
    for thread in threads:
        threading.Thread.join(thread)
