"""The same routes over a Unix socket, one JSON object a line: for the command line, without a broker.

A request is ``{"id", "method", "path", "body", "requestId"?}``, its reply ``{"id", "status", "body"}``.
A body that must arrive as it is (CBOR, a signed recording) comes as ``payload``, in base64; ``beside`` holds
members that are user properties over the broker.
"""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import pwd
import socket
from pathlib import Path
from typing import Any

import msgspec

from daemon.errors import MalformedBody
from daemon.intake import Incoming, Intake, Served
from daemon.peers import credentials
from daemon.routes import Answer, refuse

_log = logging.getLogger(__name__)

#: Largest body: a recording of an hour at 400 Hz and 3 axes fits.
MAX_BODY = 32 * 1024 * 1024
#: In base64 four characters stand for three bytes.
_MAX_LINE = MAX_BODY // 3 * 4 + 64 * 1024


class LocalRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A line from a client."""

    id: int
    method: str
    path: str
    body: msgspec.Raw = msgspec.Raw(b"{}")
    request_id: str | None = None
    payload: bytes | None = None
    beside: dict[str, str] = {}


class LocalReply(msgspec.Struct, frozen=True):
    """A line to a client."""

    id: int
    status: int
    body: Any


class LocalApi:
    """The server's side of the socket.

    Parameters
    ----------
    path : Path
        The socket; only root, the daemon's user and the members of its group may use it.
    intake : Intake
        Serves requests.
    """

    def __init__(self, path: Path, intake: Intake) -> None:
        self._path = path
        self._intake = intake
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        umask = os.umask(0o117)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=_MAX_LINE)
        finally:
            os.umask(umask)

    async def stop(self) -> None:
        """Stop listening, and take the socket away."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if not _may_enter(writer.get_extra_info("socket")):
                _log.warning("a local user without permission was turned away")
                return
            while line := await reader.readline():
                writer.write(self._answer(line) + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError) as error:
            _log.warning("a local connection was cut off: %s", error)
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, line: bytes) -> bytes:
        try:
            request = msgspec.json.decode(line, type=LocalRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            answer = refuse(MalformedBody(f"the line is no request: {error}"))
            return msgspec.json.encode(LocalReply(0, answer.status, answer.body))
        return msgspec.json.encode(reply_to(self._intake, request))


def local_request(
    number: int,
    method: str,
    path: str,
    body: dict[str, Any] | bytes | None,
    request_id: str | None,
    beside: dict[str, str] | None,
) -> LocalRequest:
    """A request as its line says it; see `LocalClient.request`."""
    as_it_is = body if isinstance(body, bytes) else None
    members = msgspec.Raw(msgspec.json.encode({} if as_it_is is not None or body is None else body))
    return LocalRequest(number, method, path, members, request_id, as_it_is, beside or {})


def reply_to(intake: Intake, request: LocalRequest) -> LocalReply:
    """Serve one local request."""
    incoming = Incoming(
        method=request.method,
        path=request.path.strip("/"),
        payload=bytes(request.body) if request.payload is None else request.payload,
        scope="local",
        request_id=request.request_id,
        local=True,
        properties=request.beside,
    )
    answer: Answer = intake.serve(incoming, MAX_BODY, _no_record).answer
    return LocalReply(request.id, answer.status, answer.body)


class LocalClient:
    """The client's side of the socket, for one request after another.

    Parameters
    ----------
    path : Path
        The socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._number = 0
        self._buffer = b""

    def open(self) -> None:
        """Connect.

        Raises
        ------
        OSError
            Nobody listens, or this user may not connect.
        """
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(self._path))

    def close(self) -> None:
        """Disconnect; safe to call twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        request_id: str | None = None,
        beside: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Send a request and wait for its reply.

        Parameters
        ----------
        method : str
            ``get`` or ``post``.
        path : str
            Path of the route.
        body : dict, bytes or None
            Its members; bytes are a body that must arrive as it is.
        request_id : str or None
            Id that makes a repeated request the same one.
        beside : dict or None
            Members that are not in the body.

        Returns
        -------
        tuple of int and dict
            Status and body.

        Raises
        ------
        ConnectionError
            The daemon went away.
        """
        assert self._socket is not None
        self._number += 1
        request = local_request(self._number, method, path, body, request_id, beside)
        self._socket.sendall(msgspec.json.encode(request) + b"\n")
        reply = msgspec.json.decode(self._read_line(), type=LocalReply)
        return reply.status, reply.body

    def _read_line(self) -> bytes:
        assert self._socket is not None
        while b"\n" not in self._buffer:
            received = self._socket.recv(256 * 1024)
            if not received:
                raise ConnectionError("the daemon has closed the connection")
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def _no_record(_: Served) -> None:
    """A local client waits for its reply: nothing is kept for later."""


def _may_enter(peer: socket.socket) -> bool:
    """Whether the process at the other end is root's, the daemon's user's, or of the daemon's group."""
    uid, gid = credentials(peer)
    if uid in (0, os.getuid()) or gid == os.getgid():
        return True
    try:
        return pwd.getpwuid(uid).pw_name in grp.getgrgid(os.getgid()).gr_mem
    except KeyError:
        return False
