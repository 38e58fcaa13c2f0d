"""What the device publishes: retained topics as they are now, replies in order, none lost, few in flight.

It knows no MQTT library: a transport attaches with a function that sends. Retained topics are only
marked here and made from the present state when they are sent, so a change that was rolled back is
never told, and ten changes cost one message.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from daemon.errors import DiskUnwritable, NotFound
from daemon.handlers.services import Services
from daemon.jobs.outbox import Outbox
from daemon.topics import Topics
from daemon.wire.bodies import JSON
from daemon.wire.events import EVENTS
from daemon.wire.jobs import JobInfo, ProgressInfo
from daemon.wire.worker import Log

if TYPE_CHECKING:
    from daemon.wire.deploy import Board

_log = logging.getLogger(__name__)

#: Publications in flight at most.
_WINDOW = 10
#: Refusals and get replies that wait for the broker at most; the oldest go first.
_MAX_REPLIES = 256
#: Seconds after which publications that arrived are dropped from the disk, in one transaction.
_TIDY_S = 0.5
#: Seconds before that is tried again where the disk is full.
_FULL_S = 10.0


class Publication(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message for the broker.

    Parameters
    ----------
    topic : str
        Where it goes.
    payload : bytes
        What it says.
    retain : bool
        Whether the broker keeps it.
    correlation : bytes or None
        Correlation Data of a reply.
    user_properties : tuple of tuple of str
        Names and values that an MQTT 5 packet carries beside.
    content_type : str
        The encoding of `payload`.
    """

    topic: str
    payload: bytes
    retain: bool = False
    correlation: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON.content_type


#: Sends a publication at a QoS; returns its packet id, or None where there is no connection.
Send = Callable[[Publication, int], "int | None"]


class Publisher:
    """Publishes for one device, on the core thread; an observer of jobs and models.

    Parameters
    ----------
    services : Services
        What there is to tell of.
    outbox : Outbox
        Replies and events that must arrive.
    topics : Topics
        The device's topics.
    """

    def __init__(self, services: Services, outbox: Outbox, topics: Topics) -> None:
        self._services = services
        self._outbox = outbox
        self._topics = topics
        self._send: Send | None = None
        self._window = _WINDOW
        self._max_bytes: int | None = None
        self._stale: dict[str, Callable[[], bytes]] = {}
        self._replies: deque[Publication] = deque(maxlen=_MAX_REPLIES)
        self._in_flight: dict[int, int | None] = {}
        self._sent_up_to = 0
        self._arrived: list[int] = []
        self._when_settled: Callable[[], None] | None = None
        self._gone: set[str] = set()

    def attach(self, send: Send, window: int, max_bytes: int | None) -> None:
        """A connection is up: publish everything retained again, then what waits.

        Parameters
        ----------
        send : callable
            Sends a publication.
        window : int
            Publications that the broker takes before it acknowledges the first.
        max_bytes : int or None
            Largest packet that the broker takes.
        """
        self._send, self._window, self._max_bytes = send, min(window, _WINDOW), max_bytes
        self._in_flight.clear()
        self._tidy()
        self._sent_up_to = 0
        self._stale[self._topics.capabilities] = lambda: msgspec.json.encode(self._services.capabilities)
        for job in self._services.jobs.all():
            self._mark_job(job.id)
        for project_id, learn_id, _ in self._services.registry.currents():
            self.model_changed(project_id, learn_id)
        self.drain()

    def detach(self) -> None:
        """The connection is gone; what was in flight is sent again on the next one."""
        self._send = None
        self._in_flight.clear()
        self._stale.clear()
        self._when_settled = None

    def retain(self, topic: str, payload: Callable[[], bytes]) -> None:
        """Publish a retained topic, as it is when it is sent."""
        if self._send is not None:
            self._stale.pop(topic, None)
            self._stale[topic] = payload

    def put(self, publication: Publication) -> None:
        """Put a publication on disk, inside the caller's transaction; it arrives at least once."""
        self._outbox.put(msgspec.msgpack.encode(publication))

    def reply(self, publication: Publication) -> None:
        """Publish a reply that nothing depends on: it is lost if the daemon dies before it is sent."""
        self._replies.append(publication)
        self.drain()

    def event(self, kind: str, facts: dict[str, Any]) -> None:
        """Tell an operator; lost if the daemon dies before it is sent."""
        self.reply(self._event(kind, facts))

    def put_event(self, kind: str, facts: dict[str, Any]) -> None:
        """Tell an operator, inside the caller's transaction; it arrives at least once."""
        self.put(self._event(kind, facts))

    def acknowledged(self, packet_id: int) -> None:
        """The broker has taken a publication, or has refused it for good."""
        if packet_id not in self._in_flight:
            return
        number = self._in_flight.pop(packet_id)
        if number is not None:
            if not self._arrived:
                asyncio.get_running_loop().call_later(_TIDY_S, self._tidy)
            self._arrived.append(number)
        self.drain()

    def drain(self) -> None:
        """Send as much as the window allows: retained topics first, then replies and events in order."""
        while self._send is not None and len(self._in_flight) < self._window:
            following = self._next()
            if following is None:
                break
            publication, number = following
            if self._max_bytes is not None and len(publication.payload) + 1024 > self._max_bytes:
                _log.error(
                    "%s: %d bytes are more than the broker takes", publication.topic, len(publication.payload)
                )
                if number is not None:
                    self._arrived.append(number)
                continue
            packet_id = self._send(publication, 1)
            if packet_id is None:
                return
            self._in_flight[packet_id] = number
        if self._when_settled is not None and not self._in_flight and not self._stale:
            settled, self._when_settled = self._when_settled, None
            settled()

    def when_settled(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when all that is sent has been acknowledged and nothing retained waits."""
        self._when_settled = callback
        self.drain()

    def job_changed(self, job: JobInfo) -> None:
        """Tell of a job's new state, inside the transaction that makes it so."""
        self._mark_job(job.id)
        if job.finished is not None:
            finished = msgspec.json.encode({"success": job.state == "SUCCEEDED"})
            self.put(Publication(self._topics.job(job.id, "finished"), finished))
        asyncio.get_running_loop().call_soon(self.drain)

    def job_progressed(self, job_id: int, progress: ProgressInfo) -> None:
        """Tell how far a job is, if somebody can hear it now."""
        if self._send is not None:
            self._send(Publication(self._topics.job(job_id, "progress"), msgspec.json.encode(progress)), 0)

    def job_logged(self, job_id: int, line: Log) -> None:
        """Pass a log line on, if somebody can hear it now."""
        if self._send is not None:
            payload = msgspec.json.encode({"data": line.text, "logLevel": line.level})
            self._send(Publication(self._topics.job(job_id, "data"), payload), 0)

    def job_forgotten(self, job_id: int) -> None:
        """Clear the retained status of a job that is no longer remembered, now or when a broker is there."""
        self.put(Publication(self._topics.job(job_id, "status"), b"", retain=True))

    def model_changed(self, project_id: int, learn_id: int) -> None:
        """Tell which version of a model is in use, and what targets run of it."""
        self.retain(self._topics.model(project_id, learn_id), lambda: self._model(project_id, learn_id))
        asyncio.get_running_loop().call_soon(self.drain)

    def board_changed(self, before: Board | None, board: Board | None) -> None:
        """Tell what a target runs now, and of one that is gone, or back again."""
        said = [each.info for each in (before, board) if each is not None and each.info is not None]
        for project_id, learn_id in {(info.project_id, info.learn_id) for info in said}:
            known = self._services.registry.current(project_id, learn_id) is not None
            if known and (len(said) < 2 or said[0] != said[1]):
                self.model_changed(project_id, learn_id)
        if board is not None and (board.info is None) != (board.target in self._gone):
            kind = "target-gone" if board.info is None else "target-back"
            self._gone ^= {board.target}
            self.event(kind, {"target": board.target, **self._services.boards.state(board.target)})

    def answered(self, project_id: int, learn_id: int, told: dict[str, Any]) -> None:
        """Pass on what a model answers on a board, if somebody can hear it now."""
        if self._send is not None:
            payload = msgspec.json.encode(told)
            self._send(Publication(self._topics.inference(project_id, learn_id), payload), 0)

    def _event(self, kind: str, facts: dict[str, Any]) -> Publication:
        assert kind in EVENTS
        return Publication(self._topics.event(kind), msgspec.json.encode(facts))

    def model_forgotten(self, project_id: int, learn_id: int) -> None:
        """Clear the retained version of a model that is deleted, now or when a broker is there."""
        self.put(Publication(self._topics.model(project_id, learn_id), b"", retain=True))

    def _mark_job(self, job_id: int) -> None:
        self.retain(self._topics.job(job_id, "status"), lambda: self._job(job_id))

    def _job(self, job_id: int) -> bytes:
        try:
            return msgspec.json.encode(self._services.queue.info(self._services.jobs.get(job_id)))
        except NotFound:
            return b""

    def _model(self, project_id: int, learn_id: int) -> bytes:
        try:
            return msgspec.json.encode(self._services.model_in_use(project_id, learn_id))
        except NotFound:
            return b""

    def _next(self) -> tuple[Publication, int | None] | None:
        if self._stale:
            topic = next(iter(self._stale))
            return Publication(topic, self._stale.pop(topic)(), retain=True), None
        if self._replies:
            return self._replies.popleft(), None
        for number, envelope in self._outbox.after(self._sent_up_to, 1):
            self._sent_up_to = number
            return msgspec.msgpack.decode(envelope, type=Publication), number
        return None

    def _tidy(self) -> None:
        arrived, self._arrived = self._arrived, []
        if not arrived:
            return
        try:
            with self._services.database.transaction():
                self._outbox.remove(arrived)
        except DiskUnwritable:
            # Forgetting needs room too; until then they may be sent again.
            self._arrived += arrived
            asyncio.get_running_loop().call_later(_FULL_S, self._tidy)
