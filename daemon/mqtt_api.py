"""The MQTT side: requests in, replies out, presence. How packets travel is `daemon.mqtt_link`'s business."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time

import msgspec

from daemon import routes, service_manager
from daemon.config import Config
from daemon.database import Database
from daemon.errors import DiskReadOnly, DiskUnwritable, ForeignResponseTopic, RequestError, TrainerdError
from daemon.intake import Incoming, Intake, Served
from daemon.mqtt_link import Connection, Delivery, MqttLink
from daemon.presence import Presence
from daemon.publisher import Publication, Publisher
from daemon.topics import RequestTopic, Topics
from daemon.wire.bodies import Encoding

_log = logging.getLogger(__name__)

#: Seconds that a message to the device itself may take, and that a clean farewell may take.
_SELF_PING_S = 30.0
_FAREWELL_S = 2.0


class MqttApi:
    """The device as its broker sees it.

    Parameters
    ----------
    config : Config
        The broker, and the limits.
    topics : Topics
        The device's topics.
    database : Database
        Remembers the broker's session.
    intake : Intake
        Serves requests.
    publisher : Publisher
        Publishes replies and everything retained.
    presence : Presence
        Whether the device is online; kept up to date here.
    """

    def __init__(
        self,
        config: Config,
        topics: Topics,
        database: Database,
        intake: Intake,
        publisher: Publisher,
        presence: Presence,
    ) -> None:
        self._config = config
        self._topics = topics
        self._database = database
        self._intake = intake
        self._publisher = publisher
        self._presence = presence
        self._link = MqttLink(config.mqtt, f"trainerd-{topics.device}", self)
        self._connection: Connection | None = None
        self._nonce = b""
        self._ping_id: int | None = None
        # When the latest ping left, and when the broker last delivered or took something but a ping.
        self._pinged_at = 0.0
        self._heard_at = 0.0
        self._online = False
        self._leaving = False
        self._ping_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Connect, and stay connected; returns at once."""
        self._link.start()

    async def stop(self) -> None:
        """Say farewell and disconnect."""
        if self._connection is not None:
            self._publish_state("offline")
            told = asyncio.Event()
            self._publisher.when_settled(told.set)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(told.wait(), _FAREWELL_S)
        self._leaving = True
        await self._link.stop()

    def is_alive(self) -> bool:
        """Whether requests can arrive, or will as soon as there is a broker; the watchdog asks this.

        On a connection the proof is a round trip through the broker since the last question. Without
        one it is that this thread comes here at all, and that the link goes on trying.
        """
        if not self._link.is_alive():
            return False
        if not self._online:
            return True
        if self._heard_at < self._pinged_at:
            # The ping that is under way has a deadline of its own.
            return False
        self._ping_self()
        return True

    # ---- what the link tells

    def will(self, session_id: str) -> Publication:
        """What the broker is to publish when the connection breaks."""
        return Publication(
            self._topics.state, msgspec.json.encode(self._presence.will(session_id)), retain=True
        )

    def connected(self, connection: Connection) -> None:
        """Subscribe anew whatever the broker remembers, and publish everything that it may have lost."""
        self._connection = connection
        self._online = False
        if not connection.session_present:
            self._new_broker_session(connection)
        self._link.subscribe(self._topics.filters)
        self._publisher.attach(self._link.send, connection.window, connection.max_bytes)
        self._publisher.when_settled(self._ping_self)
        _log.info("connected to %s:%d", self._config.mqtt.host, self._config.mqtt.port)
        service_manager.notify(f"STATUS=connected to {self._config.mqtt.host}:{self._config.mqtt.port}")

    def lost(self) -> None:
        """Keep what waits for the next connection."""
        if self._connection is not None:
            self._presence.change("offline", self._connection.session_id)
        self._connection = None
        self._online = False
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        self._publisher.detach()
        if not self._leaving:
            _log.warning("the connection to the broker is lost")
            service_manager.notify("STATUS=offline: the connection to the broker is lost")

    def acknowledged(self, packet_id: int) -> None:
        """A publication has arrived."""
        if packet_id != self._ping_id:
            self._heard_at = time.monotonic()
        self._publisher.acknowledged(packet_id)

    def received(self, delivery: Delivery) -> None:
        """Serve a request; the link acknowledges it when all is on disk, which is when this returns."""
        self._heard_at = time.monotonic()
        if delivery.topic == self._topics.self_ping:
            if delivery.payload == self._nonce and not self._online:
                self._online = True
                self._publish_state("online")
            return
        topic = self._topics.match(delivery.topic)
        if topic is not None:
            self._serve(delivery, topic)

    # ---- requests and replies

    def _serve(self, delivery: Delivery, topic: RequestTopic) -> None:
        target = self._topics.reply(topic.method, topic.path)
        refusal: TrainerdError | None = None
        if delivery.retain:
            refusal = RequestError("retained requests are not executed: publish without retain")
        if delivery.response_topic is not None:
            if self._topics.is_reply_topic(delivery.response_topic):
                target = delivery.response_topic
            else:
                refusal = ForeignResponseTopic(
                    f"the Response Topic must lie under {self._topics.base}/reply/"
                )

        incoming = Incoming(
            method=topic.method,
            path=topic.path,
            payload=delivery.payload,
            scope=delivery.response_topic or "",
            request_id=_request_id(delivery),
            delivery=self._delivery_name(delivery, topic),
            redelivered=delivery.duplicate,
            group=topic.group,
            content_type=delivery.content_type,
            properties=dict(delivery.user_properties),
        )

        def reply_to(served: Served) -> Publication:
            return self._reply(target, delivery.correlation, served, incoming.encoding)

        if refusal is not None:
            refused = routes.refuse(refusal, topic.path)
            self._publisher.reply(reply_to(Served(refused, None, recorded=False)))
            return
        served = self._intake.serve(
            incoming,
            self._config.mqtt.max_body_bytes,
            lambda served: self._publisher.put(reply_to(served)),
        )
        if served.recorded:
            self._publisher.drain()
        else:
            self._publisher.reply(reply_to(served))
        error = served.answer.error
        if isinstance(error, DiskUnwritable):
            kind = "disk-read-only" if isinstance(error, DiskReadOnly) else "disk-low"
            self._publisher.event(kind, {"error": error.message})

    def _delivery_name(self, delivery: Delivery, topic: RequestTopic) -> str | None:
        """What names this very delivery, for a request without an id."""
        if delivery.qos == 0 or topic.method == "get":
            return None
        return f"delivery:{self._database.meta('broker_session')}:{delivery.packet_id}:{delivery.topic}"

    def _reply(
        self, topic: str, correlation: bytes | None, served: Served, encoding: Encoding
    ) -> Publication:
        body = served.answer.body
        status = served.answer.status
        if self._config.mqtt.version != 5:
            device = self._topics.device
            body = {"status": status, "requestId": served.request_id, "device": device, "body": body}
        properties = (("status", str(status)), ("device", self._topics.device))
        return Publication(topic, encoding.write(body), False, correlation, properties, encoding.content_type)

    # ---- presence

    def _new_broker_session(self, connection: Connection) -> None:
        known = self._database.meta("broker_session")
        try:
            with self._database.transaction():
                self._database.set_meta("broker_session", secrets.token_hex(8))
        except DiskUnwritable as error:
            # Refusals must be told even so: the connection stays.
            _log.error("the broker's session cannot be noted: %s", error)
        if known is not None:
            _log.warning("the broker has forgotten this device's session: requests may have been lost")
            self._publisher.event("broker-session-lost", {"sessionId": connection.session_id})

    def _ping_self(self) -> None:
        """Send a message to the device itself: that it comes back proves that requests arrive too."""
        self._nonce = secrets.token_hex(8).encode()
        self._pinged_at = time.monotonic()
        self._ping_id = self._link.send(Publication(self._topics.self_ping, self._nonce), 1)
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        self._ping_timer = asyncio.get_running_loop().call_later(
            _SELF_PING_S, self._ping_lost, self._connection
        )

    def _ping_lost(self, connection: Connection | None) -> None:
        silent = not self._online or self._heard_at < self._pinged_at
        if connection is self._connection and silent:
            _log.error(
                "a message to %s did not come back: the broker must let this device read and write it",
                self._topics.self_ping,
            )
            self._link.disconnect()

    def _publish_state(self, state: str) -> None:
        session_id = self._connection.session_id if self._connection is not None else ""
        payload = msgspec.json.encode(self._presence.change(state, session_id))
        self._publisher.retain(self._topics.state, lambda: payload)
        self._publisher.drain()


def _request_id(delivery: Delivery) -> str | None:
    """The id that a request's packet carries: Correlation Data, else the user property ``request-id``."""
    if delivery.correlation is not None:
        try:
            return delivery.correlation.decode()
        except UnicodeDecodeError:
            return delivery.correlation.hex()
    return next((value for key, value in delivery.user_properties if key == "request-id"), None)
