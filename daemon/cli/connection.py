"""The daemon as commands see it: over its local socket, or its state directory where it does not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import click

from daemon.cli.ends import CallWrong, WorkFailed
from daemon.config import Config, default_path
from daemon.config_file import load
from daemon.errors import ConfigError, StateError

#: Members, or a body that must arrive as it is.
Body = dict[str, Any] | bytes


class Service(Protocol):
    """Something that answers the daemon's routes."""

    def request(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        request_id: str | None = None,
        beside: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and body of the reply."""


class Daemon:
    """The routes of one device, for one command.

    Parameters
    ----------
    service : Service
        What answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def get(self, path: str, body: Body | None = None) -> Any:
        """Body of the reply to a get; a refusal ends the command."""
        return self._answer("get", path, body)

    def post(
        self, path: str, body: Body, request_id: str | None = None, beside: dict[str, str] | None = None
    ) -> Any:
        """Body of the reply to a post; a refusal ends the command.

        Parameters
        ----------
        path : str
            Path of the route.
        body : dict or bytes
            Its members; bytes are a body that must arrive as it is.
        request_id : str or None
            Id that makes a repeated request the same one.
        beside : dict or None
            Members that are not in the body.
        """
        return self._answer("post", path, body, request_id, beside)

    def _answer(
        self,
        method: str,
        path: str,
        body: Body | None,
        request_id: str | None = None,
        beside: dict[str, str] | None = None,
    ) -> Any:
        try:
            status, answer = self._service.request(method, path, body, request_id, beside)
        except OSError as error:
            raise WorkFailed(f"the daemon went away: {error}") from None
        if status != 200:
            message = answer.get("error") if isinstance(answer, dict) else None
            mendable = 400 <= status < 500 and status not in {403, 429}
            raise (CallWrong if mendable else WorkFailed)(message or f"the daemon answered {status}")
        return answer


def read_config(path: Path | None) -> Config:
    """The configuration; mistakes in it end the command."""
    try:
        return load(path or default_path())
    except ConfigError as error:
        raise CallWrong(error.message) from None


def connect(config_path: Path | None, *, offline: bool = False) -> Daemon:
    """The running daemon, or its state directory.

    Parameters
    ----------
    config_path : Path or None
        The configuration file; the default one where left out.
    offline : bool
        Whether the command can do without a daemon.
    """
    from daemon.local_api import LocalClient

    config = read_config(config_path)
    context = click.get_current_context()
    client = LocalClient(config.socket_path)
    try:
        client.open()
    except PermissionError:
        raise WorkFailed(f"{config.socket_path} may not be opened by this user") from None
    except OSError:
        if not offline:
            raise WorkFailed(f"no daemon answers at {config.socket_path}; start it: trainerd run") from None
    else:
        context.call_on_close(client.close)
        return Daemon(client)

    from daemon.offline import open_offline

    try:
        return Daemon(context.with_resource(open_offline(config)))
    except (StateError, OSError) as error:
        raise WorkFailed(f"no daemon answers at {config.socket_path}, and without it: {error}") from None
