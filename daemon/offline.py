"""The routes without a daemon, straight on the state directory: imports and listings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from daemon.app import open_core
from daemon.config import Config
from daemon.intake import Intake
from daemon.local_api import local_request, reply_to


class OfflineClient:
    """Serves requests in this process; the counterpart of `daemon.local_api.LocalClient`.

    Parameters
    ----------
    intake : Intake
        Serves them.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | bytes | None = None,
        request_id: str | None = None,
        beside: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Serve a request; see `daemon.local_api.LocalClient.request`."""
        reply = reply_to(self._intake, local_request(1, method, path, body, request_id, beside))
        return reply.status, reply.body


@contextmanager
def open_offline(settings: Config) -> Iterator[OfflineClient]:
    """Work on the state directory while no daemon does.

    Parameters
    ----------
    settings : Config
        Says where the state directory is.

    Raises
    ------
    StateError
        A daemon uses the state directory.
    """
    with open_core(settings) as core:
        yield OfflineClient(core.intake)
