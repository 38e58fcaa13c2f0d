"""From a received request to its answer, the same for every transport.

A post is served in one transaction that also holds its answer: either all of it is on disk, or none.
The same request (identity and payload) gets its first answer again and starts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from daemon import faults, routes
from daemon.authority import Authority
from daemon.errors import BodyTooLarge, Forbidden, InvalidMember
from daemon.handlers.services import Services
from daemon.jobs.requests import RequestStore
from daemon.routes import Answer, Route
from daemon.wire.members import decode_json
from daemon.wire.signed import Envelope

_MAX_ID = 256


@dataclass(frozen=True)
class Incoming:
    """A request as a transport received it.

    Parameters
    ----------
    method, path : str
        Which route.
    payload : bytes
        The body, as received.
    scope : str
        Where the reply goes; part of the request's identity.
    request_id : str or None
        Id that the transport carried; a ``requestId`` in the body serves where there is none.
    delivery : str or None
        What names this very delivery in the broker's session, for requests without an id.
    redelivered : bool
        Whether the broker says that it sent this before.
    group : str or None
        The group that it was sent to.
    local : bool
        Whether the kernel vouches for its sender: it then needs no signature.
    """

    method: str
    path: str
    payload: bytes
    scope: str = ""
    request_id: str | None = None
    delivery: str | None = None
    redelivered: bool = False
    group: str | None = None
    local: bool = False


@dataclass(frozen=True)
class Served:
    """An answer, the request's id, and whether the answer is on disk already."""

    answer: Answer
    request_id: str | None
    recorded: bool


class Intake:
    """Serves requests, one at a time, on the core thread.

    Parameters
    ----------
    services : Services
        What handlers work with.
    requests : RequestStore
        Answers that were given.
    authority : Authority
        Says who may ask for what.
    """

    def __init__(self, services: Services, requests: RequestStore, authority: Authority) -> None:
        self._services = services
        self._requests = requests
        self._authority = authority

    def serve(self, incoming: Incoming, max_bytes: int, record: Callable[[Served], None]) -> Served:
        """Answer a request.

        Parameters
        ----------
        incoming : Incoming
            The request.
        max_bytes : int
            Largest body.
        record : callable
            Called with the answer inside the transaction, to put the reply on disk with it.

        Returns
        -------
        Served
            The answer; a refusal is not recorded, so that a mended request may use its id again.
        """
        request_id = incoming.request_id
        try:
            if len(incoming.payload) > max_bytes:
                raise BodyTooLarge(
                    f"the body has {len(incoming.payload)} bytes, at most {max_bytes} are taken"
                )
            body = decode_json(incoming.payload)
            in_body = _checked_id(body.pop("requestId", None))
            request_id = in_body if request_id is None else request_id
            auth = body.pop("auth", None)
            route, parts = routes.find(incoming.method, incoming.path)
            if incoming.method == "get":
                self._admit(incoming, route, auth)
                return Served(
                    routes.dispatch(self._services, route, parts, body, request_id), request_id, False
                )
            with self._services.database.transaction():
                answer = self._known(incoming, request_id)
                if answer is None:
                    self._admit(incoming, route, auth)
                    answer = routes.dispatch(self._services, route, parts, body, request_id)
                    self._remember(incoming, request_id, answer)
                served = Served(answer, request_id, True)
                record(served)
                faults.point("intake.before_commit")
        except Exception as error:  # noqa: BLE001
            self._services.database.notice(error)
            return Served(routes.refuse(error, incoming.path), request_id, False)
        faults.point("intake.after_commit")
        self._services.queue.kick()
        return served

    def _admit(self, incoming: Incoming, route: Route, auth: object) -> None:
        auth_settings = self._services.config.auth
        if incoming.group is not None and route.role not in auth_settings.group_roles:
            raise Forbidden(f"{incoming.path} is not taken from a group: send it to the device")
        device = self._services.config.device.id
        envelope = Envelope(incoming.method, incoming.path, device, incoming.group, incoming.payload)
        self._authority.admit(envelope, auth, route.role, local=incoming.local)

    def _known(self, incoming: Incoming, request_id: str | None) -> Answer | None:
        if request_id is not None:
            found = self._requests.find(_identity(incoming, request_id), incoming.payload)
        elif incoming.delivery is not None and incoming.redelivered:
            found = self._requests.find_same(incoming.delivery, incoming.payload)
        else:
            return None
        return None if found is None else Answer(found.status, msgspec.json.decode(found.body))

    def _remember(self, incoming: Incoming, request_id: str | None, answer: Answer) -> None:
        identity = incoming.delivery if request_id is None else _identity(incoming, request_id)
        if identity is not None:
            encoded = msgspec.json.encode(answer.body)
            self._requests.remember(identity, incoming.payload, answer.status, encoded)


def _identity(incoming: Incoming, request_id: str) -> str:
    return json.dumps([incoming.scope, incoming.method, incoming.path, request_id])


def _checked_id(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_ID:
        raise InvalidMember("requestId", f"is not a text of 1 to {_MAX_ID} characters")
    return value
