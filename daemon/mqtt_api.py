"""The MQTT side: receive, acknowledge, reply, publish, will, reconnect. The only importer of paho.

paho runs in one network thread, with a new client for each connection: an acknowledgement that comes
too late ends on a closed client and never meets a packet id of the next connection. Callbacks do
nothing but hand over to the core thread, where everything else here runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from daemon import __version__, faults, routes
from daemon.config import Config, read_secret
from daemon.database import Database
from daemon.errors import DiskFull, ForeignResponseTopic, RequestError, TrainerdError
from daemon.intake import Incoming, Intake, Served
from daemon.publisher import Publication, Publisher
from daemon.topics import RequestTopic, Topics

_log = logging.getLogger(__name__)

#: Unacknowledged requests that the broker may send at most.
_RECEIVE_MAXIMUM = 8
#: Room in a packet beside a body of the largest size, so that one a little too large gets an answer.
PACKET_SLACK = 64 * 1024
#: Requests at QoS 0 that wait at most; more are dropped, as QoS 0 allows.
_MAX_WAITING = 256
#: Seconds before the broker tells that the device is gone, so that a short break goes unnoticed.
_WILL_DELAY_S = 30
#: Seconds that a message to the device itself may take, and that a clean farewell may take.
_SELF_PING_S = 30.0
_FAREWELL_S = 2.0
_MAX_BACKOFF_S = 60.0

_JSON = "application/json"


class MqttApi:
    """The device's connection to its broker.

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
    boot_id : str
        Names this start of the daemon.
    """

    def __init__(
        self,
        config: Config,
        topics: Topics,
        database: Database,
        intake: Intake,
        publisher: Publisher,
        boot_id: str,
    ) -> None:
        self._config = config
        self._topics = topics
        self._database = database
        self._intake = intake
        self._publisher = publisher
        self._boot_id = boot_id
        self._is_5 = config.mqtt.version == 5
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._latest: paho.Client | None = None
        # The connection that is up, as the core thread knows it.
        self._client: paho.Client | None = None
        self._session_id = ""
        self._nonce = b""
        self._online = False
        self._ping_timer: asyncio.TimerHandle | None = None
        # Requests handed over by the network thread, and taken by the core: each is counted by one thread.
        self._handed = 0
        self._taken = 0

    def start(self) -> None:
        """Connect, and stay connected; returns at once."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._network, name="mqtt", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Say farewell and disconnect."""
        if self._client is not None:
            self._publish_state("offline")
            told = asyncio.Event()
            self._publisher.when_settled(told.set)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(told.wait(), _FAREWELL_S)
        # The latest client may be one whose broker has not answered yet.
        if self._latest is not None:
            self._latest.disconnect()
        self._stopping.set()
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join, 10.0)

    # ---- the network thread

    def _network(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            session_id = secrets.token_hex(8)
            try:
                client = self._latest = self._make_client(session_id)
                self._connect(client)
                try:
                    while self._carry(client):
                        if client.is_connected():
                            failures = 0
                finally:
                    self._hand_over(self._lost, client)
            except (OSError, ValueError, TrainerdError) as error:
                _log.warning(
                    "no connection to %s:%d: %s", self._config.mqtt.host, self._config.mqtt.port, error
                )
            except Exception:  # noqa: BLE001
                _log.exception("the connection failed unexpectedly")
            # Full jitter: a fleet that lost its broker does not come back in step.
            self._stopping.wait(random.uniform(0.0, min(_MAX_BACKOFF_S, 0.5 * 2**failures)))  # noqa: S311
            failures = min(failures + 1, 16)

    def _carry(self, client: paho.Client) -> bool:
        """Let a connection go on for a while; False when it has ended, or is to end and all is said."""
        if self._stopping.is_set() and not client.want_write():
            return False
        # Short enough to keep the connection alive, long enough to idle; a publication ends it at once.
        return client.loop(self._config.mqtt.keepalive_s / 4) == paho.MQTT_ERR_SUCCESS

    def _make_client(self, session_id: str) -> paho.Client:
        mqtt = self._config.mqtt
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"trainerd-{self._topics.device}",
            clean_session=None if self._is_5 else False,
            userdata=session_id,
            protocol=paho.MQTTv5 if self._is_5 else paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if mqtt.username is not None:
            client.username_pw_set(
                mqtt.username, None if mqtt.password_file is None else read_secret(mqtt.password_file)
            )
        if mqtt.tls is not None:
            context = ssl.create_default_context(cafile=mqtt.tls.ca_file)
            if mqtt.tls.cert_file is not None:
                context.load_cert_chain(mqtt.tls.cert_file, mqtt.tls.key_file)
            client.tls_set_context(context)
        will = None
        if self._is_5:
            will = Properties(PacketTypes.WILLMESSAGE)
            will.WillDelayInterval = _WILL_DELAY_S
        client.will_set(self._topics.state, self._state("offline", session_id), 1, True, will)
        # Writing is left to the network thread: another thread must not write half a packet in between.
        client.on_socket_register_write = lambda *_: None
        client.on_socket_open = self._guard(_send_at_once)
        client.on_connect = self._guard(self._on_connect)
        client.on_subscribe = self._guard(self._on_subscribe)
        client.on_publish = self._guard(self._on_publish)
        client.on_message = self._guard(self._on_message)
        return client

    def _connect(self, client: paho.Client) -> None:
        mqtt = self._config.mqtt
        if not self._is_5:
            client.connect(mqtt.host, mqtt.port, mqtt.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = mqtt.session_expiry_s
        properties.ReceiveMaximum = _RECEIVE_MAXIMUM
        properties.MaximumPacketSize = mqtt.max_body_bytes + PACKET_SLACK
        client.connect(mqtt.host, mqtt.port, mqtt.keepalive_s, clean_start=False, properties=properties)

    def _guard(self, callback: Callable[..., None]) -> Callable[..., None]:
        """An exception in a callback would end the network thread unseen."""

        def guarded(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception:  # noqa: BLE001
                _log.exception("a callback failed")

        return guarded

    def _hand_over(self, step: Callable[..., None], *arguments: Any) -> None:
        assert self._loop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(step, *arguments)

    def _on_connect(
        self,
        client: paho.Client,
        _: Any,
        flags: paho.ConnectFlags,
        reason: Any,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            _log.error("the broker refuses the connection: %s", reason)
            client.disconnect()
            return
        self._hand_over(self._connected, client, flags.session_present, properties)

    def _on_subscribe(
        self, client: paho.Client, _: Any, _mid: int, reasons: list[Any], _properties: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        self._hand_over(self._subscribed, client, refused)

    def _on_publish(self, client: paho.Client, _: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._hand_over(self._published, client, mid, str(reason) if reason.is_failure else None)

    def _on_message(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        if message.qos == 0 and self._handed - self._taken >= _MAX_WAITING:
            return
        self._handed += 1
        self._hand_over(self._received, client, message)

    # ---- the core thread

    def _connected(self, client: paho.Client, session_present: bool, properties: Properties | None) -> None:
        self._client = client
        self._session_id = client.user_data_get()
        self._online = False
        window = int(getattr(properties, "ReceiveMaximum", 65535))
        largest = getattr(properties, "MaximumPacketSize", None)
        if not session_present:
            self._new_broker_session()
        options = SubscribeOptions(
            qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND
        )
        topics = self._topics.filters
        if self._is_5:
            client.subscribe([(topic, options) for topic in topics])
        else:
            client.subscribe([(topic, 1) for topic in topics])
        self._publisher.attach(self._send, window, largest)
        self._publisher.when_settled(self._ping_self)
        _log.info("connected to %s:%d", self._config.mqtt.host, self._config.mqtt.port)

    def _new_broker_session(self) -> None:
        known = self._database.meta("broker_session")
        try:
            with self._database.transaction():
                self._database.set_meta("broker_session", secrets.token_hex(8))
        except DiskFull as error:
            # Refusals must be told even so: the connection stays.
            _log.error("the broker's session cannot be noted: %s", error)
        if known is not None:
            _log.warning("the broker has forgotten this device's session: requests may have been lost")
            self._publisher.event("broker-session-lost", {"sessionId": self._session_id})

    def _subscribed(self, client: paho.Client, refused: list[str]) -> None:
        if client is self._client and refused:
            _log.error("the broker refuses a subscription (%s): check its access rules", ", ".join(refused))

    def _ping_self(self) -> None:
        """Everything retained has arrived: a message to the device itself proves that requests arrive too."""
        if self._client is None:
            return
        self._nonce = secrets.token_hex(8).encode()
        self._client.publish(self._topics.self_ping, self._nonce, 1)
        assert self._loop is not None
        self._ping_timer = self._loop.call_later(_SELF_PING_S, self._ping_lost, self._client)

    def _ping_lost(self, client: paho.Client) -> None:
        if client is self._client and not self._online:
            _log.error(
                "a message to %s did not come back: the broker must let this device read and write it",
                self._topics.self_ping,
            )
            client.disconnect()

    def _lost(self, client: paho.Client) -> None:
        if client is not self._client:
            return
        self._client = None
        self._online = False
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        self._publisher.detach()
        if not self._stopping.is_set():
            _log.warning("the connection to the broker is lost")

    def _published(self, client: paho.Client, packet_id: int, failure: str | None) -> None:
        if failure is not None:
            _log.error("the broker refuses a publication: %s", failure)
        if client is self._client:
            self._publisher.acknowledged(packet_id)

    def _received(self, client: paho.Client, message: paho.MQTTMessage) -> None:
        self._taken += 1
        # A message of an earlier connection was not acknowledged there: it comes again.
        if client is not self._client:
            return
        if message.topic == self._topics.self_ping:
            if message.payload == self._nonce and not self._online:
                self._online = True
                self._publish_state("online")
        else:
            faults.point("intake.received")
            self._serve(message)
        if message.qos > 0:
            client.ack(message.mid, message.qos)
        faults.point("intake.after_ack")

    def _serve(self, message: paho.MQTTMessage) -> None:
        topic = self._topics.match(message.topic)
        if topic is None:
            return
        properties = message.properties if self._is_5 else None
        reply_topic = getattr(properties, "ResponseTopic", None)
        correlation = getattr(properties, "CorrelationData", None)
        target = self._topics.reply(topic.method, topic.path)
        refusal: TrainerdError | None = None
        if message.retain:
            refusal = RequestError("retained requests are not executed: publish without retain")
        if reply_topic is not None:
            if self._topics.is_reply_topic(reply_topic):
                target = reply_topic
            else:
                refusal = ForeignResponseTopic(
                    f"the Response Topic must lie under {self._topics.base}/reply/"
                )

        def reply_to(served: Served) -> Publication:
            return self._reply(target, correlation, served)

        if refusal is not None:
            self._publisher.reply(reply_to(Served(routes.refuse(refusal), None, recorded=False)))
            return
        incoming = Incoming(
            method=topic.method,
            path=topic.path,
            payload=bytes(message.payload),
            scope=reply_topic or "",
            request_id=_request_id(correlation, properties),
            delivery=self._delivery(message, topic),
            redelivered=message.dup,
            group=topic.group,
        )
        served = self._intake.serve(
            incoming,
            self._config.mqtt.max_body_bytes,
            lambda served: self._publisher.put(reply_to(served)),
        )
        if served.recorded:
            self._publisher.drain()
        else:
            self._publisher.reply(reply_to(served))
        if served.answer.body.get("code") == DiskFull.code:
            self._publisher.event("disk-low", {"error": served.answer.body["error"]})

    def _delivery(self, message: paho.MQTTMessage, topic: RequestTopic) -> str | None:
        if message.qos == 0 or topic.method == "get":
            return None
        return f"delivery:{self._database.meta('broker_session')}:{message.mid}:{message.topic}"

    def _reply(self, topic: str, correlation: bytes | None, served: Served) -> Publication:
        body: dict[str, Any] = served.answer.body
        if not self._is_5:
            body = {
                "status": served.answer.status,
                "requestId": served.request_id,
                "device": self._topics.device,
                "body": body,
            }
        return Publication(topic, msgspec.json.encode(body), False, correlation, served.answer.status)

    def _publish_state(self, state: str) -> None:
        payload = self._state(state, self._session_id)
        self._publisher.retain(self._topics.state, lambda: payload)
        self._publisher.drain()

    def _state(self, state: str, session_id: str) -> bytes:
        return msgspec.json.encode(
            {"state": state, "version": __version__, "bootId": self._boot_id, "sessionId": session_id}
        )

    def _send(self, publication: Publication, qos: int) -> int | None:
        client = self._client
        if client is None:
            return None
        properties = None
        if self._is_5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.ContentType = _JSON
            properties.PayloadFormatIndicator = 1
            if publication.correlation is not None:
                properties.CorrelationData = publication.correlation
            if publication.status is not None:
                properties.UserProperty = [
                    ("status", str(publication.status)),
                    ("device", self._topics.device),
                ]
        info = client.publish(publication.topic, publication.payload, qos, publication.retain, properties)
        return info.mid if info.rc == paho.MQTT_ERR_SUCCESS else None


def _send_at_once(_client: paho.Client, _: Any, link: socket.socket) -> None:
    """Without this an acknowledgement and the reply behind it wait for each other, 40 ms each time."""
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _request_id(correlation: bytes | None, properties: Properties | None) -> str | None:
    """The id that a request's packet carries: Correlation Data, else the user property ``request-id``."""
    if correlation is not None:
        try:
            return correlation.decode()
        except UnicodeDecodeError:
            return correlation.hex()
    for key, value in getattr(properties, "UserProperty", []):
        if key == "request-id":
            return str(value)
    return None
