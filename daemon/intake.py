"""From a received request to its answer, the same for every transport.

A post is served in one transaction that also holds its answer: either all of it is on disk, or none.
The same request (identity and payload) gets its first answer again and starts nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from daemon import faults, routes
from daemon.authority import Authority
from daemon.errors import BodyTooLarge, Forbidden, InvalidMember, MalformedBody
from daemon.handlers.services import Services
from daemon.jobs.requests import RequestStore
from daemon.routes import Answer, Route
from daemon.tidying import Tidying
from daemon.wire.bodies import Encoding, encoding_of, read_body
from daemon.wire.members import decode_json
from daemon.wire.signed import Envelope

_log = logging.getLogger(__name__)

#: Longest id of a request, in characters.
MAX_ID = 256
#: Members that are objects: as user properties they are written as JSON.
_OBJECTS = frozenset({"auth", "metadata"})


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
    content_type : str or None
        What the sender says that the body is.
    properties : mapping
        Texts that the transport carried beside the body, by name.
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
    content_type: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def encoding(self) -> Encoding:
        """How the body is written, and its reply."""
        return encoding_of(self.payload, self.content_type)


@dataclass(frozen=True)
class Served:
    """An answer, the request's id, and whether the answer is on disk already."""

    answer: Answer
    request_id: str | None
    recorded: bool


@dataclass(frozen=True)
class _Request:
    """A request that has been read.

    Parameters
    ----------
    incoming : Incoming
        As it was received.
    route : Route
        Who serves it.
    parts : dict
        The variable parts of its path.
    body : dict
        Its members, those that came beside it included, without ``requestId`` and ``auth``.
    request_id : str or None
        Its id.
    auth : object
        Its signature.
    beside : dict
        The members that came beside the body.
    meaning : bytes
        What it says, the same however it is written: two requests are the same where these are.
    """

    incoming: Incoming
    route: Route
    parts: dict[str, str]
    body: dict[str, Any]
    request_id: str | None
    auth: object
    beside: dict[str, Any]
    meaning: bytes


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
    tidying : Tidying
        Does what a deletion leaves to be done.
    """

    def __init__(
        self, services: Services, requests: RequestStore, authority: Authority, tidying: Tidying
    ) -> None:
        self._services = services
        self._requests = requests
        self._authority = authority
        self._tidying = tidying

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
            faults.point("intake.received")
            if len(incoming.payload) > max_bytes:
                raise BodyTooLarge(
                    f"the body has {len(incoming.payload)} bytes, at most {max_bytes} are taken"
                )
            body = read_body(incoming.payload, incoming.encoding)
            in_body = _checked_id(body.get("requestId"))
            request_id = in_body if request_id is None else request_id
            request = _understood(incoming, body, request_id)
            if incoming.method == "get":
                self._admit(request)
                return Served(self._dispatch(request), request_id, False)
            with self._services.database.transaction():
                answer = self._known(request)
                if answer is None:
                    self._admit(request)
                    answer = self._dispatch(request)
                    self._remember(request, answer)
                served = Served(answer, request_id, True)
                record(served)
                faults.point("intake.before_commit")
        except Exception as error:  # noqa: BLE001
            self._services.database.notice(error)
            return Served(routes.refuse(error, incoming.path), request_id, False)
        self._follow_up()
        return served

    def _follow_up(self) -> None:
        """What is on disk stands: a job that cannot be started now, or a file removed, has its time later."""
        try:
            faults.point("intake.after_commit")
            self._services.queue.kick()
            self._tidying.kick()
        except Exception:  # noqa: BLE001
            _log.exception("what a request asked for could not be followed up")

    def _admit(self, request: _Request) -> None:
        incoming, role = request.incoming, request.route.role
        if callable(role):
            role = role(self._services, request.parts, request.body)
        auth_settings = self._services.config.auth
        if incoming.group is not None and role not in auth_settings.group_roles:
            raise Forbidden(f"{incoming.path} is not taken from a group: send it to the device")
        envelope = Envelope(
            incoming.method,
            incoming.path,
            self._services.config.device.id,
            incoming.group,
            incoming.payload,
            incoming.encoding,
            request.beside,
        )
        self._authority.admit(envelope, request.auth, role, local=incoming.local)

    def _dispatch(self, request: _Request) -> Answer:
        incoming = request.incoming
        return routes.dispatch(
            self._services,
            request.route,
            request.parts,
            request.body,
            request.request_id,
            received=incoming.payload,
            local=incoming.local,
        )

    def _known(self, request: _Request) -> Answer | None:
        incoming = request.incoming
        # Earlier versions remembered requests by their bytes.
        forms = (request.meaning, incoming.payload)
        if request.request_id is not None:
            found = self._requests.find(_identity(incoming, request.request_id), *forms)
        elif incoming.delivery is not None and incoming.redelivered:
            found = self._requests.find_same(incoming.delivery, *forms)
        else:
            return None
        return None if found is None else Answer(found.status, msgspec.json.decode(found.body))

    def _remember(self, request: _Request, answer: Answer) -> None:
        incoming, request_id = request.incoming, request.request_id
        identity = incoming.delivery if request_id is None else _identity(incoming, request_id)
        if identity is not None:
            encoded = msgspec.json.encode(answer.body)
            self._requests.remember(identity, request.meaning, answer.status, encoded)


def _understood(incoming: Incoming, body: dict[str, Any], request_id: str | None) -> _Request:
    """Find the route of a request, and put the members that came beside its body into it."""
    route, parts = routes.find(incoming.method, incoming.path)
    beside: dict[str, Any] = {}
    for name in (*route.beside, "auth"):
        if name not in incoming.properties:
            continue
        if name in body:
            raise InvalidMember(name, "is given in the body and as a user property: give it once")
        beside[name] = _from_property(name, incoming.properties[name])
    body.update(beside)
    # No payload begins with a zero byte: what is remembered as a meaning is never taken for one.
    meaning = b"\0" + msgspec.json.encode(body, order="sorted")
    body.pop("requestId", None)
    auth = body.pop("auth", None)
    return _Request(incoming, route, parts, body, request_id, auth, beside, meaning)


def _from_property(name: str, text: str) -> Any:
    if name not in _OBJECTS:
        return text
    try:
        return decode_json(text.encode())
    except MalformedBody as error:
        raise InvalidMember(name, f"as a user property is no JSON object: {error.message}") from None


def _identity(incoming: Incoming, request_id: str) -> str:
    return json.dumps([incoming.scope, incoming.method, incoming.path, request_id])


def _checked_id(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID:
        raise InvalidMember("requestId", f"is not a text of 1 to {MAX_ID} characters")
    return value
