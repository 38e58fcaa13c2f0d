"""The connection to the broker: connect, stay connected, carry packets. The only importer of paho.

paho runs in one network thread, with a new client for each connection: an acknowledgement that comes
too late ends on a closed client and never meets a packet id of the next connection. Callbacks do
nothing but hand over to the core thread, which hears only of the connection that is up.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from daemon import faults
from daemon.config import Mqtt, read_secret
from daemon.errors import TrainerdError
from daemon.publisher import Publication
from daemon.wire.bodies import JSON

_log = logging.getLogger(__name__)

#: Unacknowledged requests that the broker may send at most.
_RECEIVE_MAXIMUM = 8
#: Room in a packet beside a body of the largest size, so that one a little too large gets an answer.
PACKET_SLACK = 64 * 1024
#: Messages at QoS 0 that wait at most; more are dropped, as QoS 0 allows.
_MAX_WAITING = 256
#: Seconds before the broker tells that the device is gone, so that a short break goes unnoticed.
_WILL_DELAY_S = 30
#: Shorter than what a broker that lost everything may wait for what was retained, a minute.
_MAX_BACKOFF_S = 45.0
#: Seconds after which a network thread that does not come round is given up.
_STUCK_S = 300.0


@dataclass(frozen=True)
class Delivery:
    """A message from the broker.

    Parameters
    ----------
    packet_id : int
        Names the delivery in the broker's session; 0 at QoS 0.
    duplicate : bool
        Whether the broker says that it sent this before.
    response_topic, correlation, content_type, user_properties
        What an MQTT 5 packet carries beside; None and empty on MQTT 3.1.1.
    """

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    retain: bool
    duplicate: bool
    response_topic: str | None
    correlation: bytes | None
    content_type: str | None
    user_properties: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Connection:
    """A connection that is up.

    Parameters
    ----------
    session_id : str
        Names the connection; the will carries it too.
    session_present : bool
        Whether the broker remembers the device.
    window : int
        Unacknowledged publications that the broker takes.
    max_bytes : int or None
        Largest packet that the broker takes.
    """

    session_id: str
    session_present: bool
    window: int
    max_bytes: int | None


class Listener(Protocol):
    """Who hears of the connection, on the core thread."""

    def will(self, session_id: str) -> Publication:
        """What the broker is to publish when the connection breaks; asked on the network thread."""

    def connected(self, connection: Connection) -> None:
        """The broker has taken the connection."""

    def received(self, delivery: Delivery) -> None:
        """A message has come; it is acknowledged when this returns."""

    def acknowledged(self, packet_id: int) -> None:
        """The broker has taken a publication, or has refused it for good."""

    def lost(self) -> None:
        """The connection is gone."""


class MqttLink:
    """The device's connection to its broker.

    Parameters
    ----------
    mqtt : Mqtt
        The broker.
    client_id : str
        Under which the broker keeps the device's session.
    listener : Listener
        Hears of everything.
    """

    def __init__(self, mqtt: Mqtt, client_id: str, listener: Listener) -> None:
        self._mqtt = mqtt
        self._client_id = client_id
        self._listener = listener
        self._is_5 = mqtt.version == 5
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._latest: paho.Client | None = None
        # Whether the broker has answered the latest one; of the network thread.
        self._answered = False
        # When the network thread last came round, on the monotonic clock.
        self._turned_at = 0.0
        # The connection that is up, as the core thread knows it.
        self._client: paho.Client | None = None
        # Messages handed over by the network thread, and taken by the core: each is counted by one thread.
        self._handed = 0
        self._taken = 0

    # ---- called on the core thread

    def start(self) -> None:
        """Connect, and stay connected; returns at once."""
        self._loop = asyncio.get_running_loop()
        self._turned_at = time.monotonic()
        self._thread = threading.Thread(target=self._network, name="mqtt", daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether the network thread runs and comes round: it carries the connection, or tries for one."""
        turns = time.monotonic() - self._turned_at < _STUCK_S
        return turns and self._thread is not None and self._thread.is_alive()

    async def stop(self) -> None:
        """Disconnect, for good."""
        # The latest client may be one whose broker has not answered yet.
        if self._latest is not None:
            self._latest.disconnect()
        self._stopping.set()
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join, 10.0)

    def disconnect(self) -> None:
        """Give this connection up, and try another one."""
        if self._client is not None:
            self._client.disconnect()

    def subscribe(self, filters: list[str]) -> None:
        """Subscribe at QoS 1; what is retained is not sent, and what was sent as retained says so."""
        if self._client is None:
            return
        options = SubscribeOptions(
            qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND
        )
        if self._is_5:
            self._client.subscribe([(topic, options) for topic in filters])
        else:
            self._client.subscribe([(topic, 1) for topic in filters])

    def send(self, publication: Publication, qos: int) -> int | None:
        """Publish; returns the packet id, or None where there is no connection."""
        client = self._client
        if client is None:
            return None
        properties = None
        if self._is_5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.ContentType = publication.content_type
            properties.PayloadFormatIndicator = int(publication.content_type == JSON.content_type)
            if publication.correlation is not None:
                properties.CorrelationData = publication.correlation
            if publication.user_properties:
                properties.UserProperty = list(publication.user_properties)
        info = client.publish(publication.topic, publication.payload, qos, publication.retain, properties)
        return info.mid if info.rc == paho.MQTT_ERR_SUCCESS else None

    def _connected(self, client: paho.Client, present: bool, properties: Properties | None) -> None:
        self._client = client
        window = int(getattr(properties, "ReceiveMaximum", 65535))
        largest = getattr(properties, "MaximumPacketSize", None)
        self._listener.connected(Connection(client.user_data_get(), present, window, largest))

    def _lost(self, client: paho.Client) -> None:
        if client is self._client:
            self._client = None
            self._listener.lost()

    def _published(self, client: paho.Client, packet_id: int) -> None:
        if client is self._client:
            self._listener.acknowledged(packet_id)

    def _received(self, client: paho.Client, message: paho.MQTTMessage) -> None:
        self._taken += 1
        # A message of an earlier connection was not acknowledged there: it comes again.
        if client is not self._client:
            return
        properties = message.properties if self._is_5 else None
        self._listener.received(
            Delivery(
                topic=message.topic,
                payload=bytes(message.payload),
                qos=message.qos,
                packet_id=message.mid,
                retain=message.retain,
                duplicate=message.dup,
                response_topic=getattr(properties, "ResponseTopic", None),
                correlation=getattr(properties, "CorrelationData", None),
                content_type=getattr(properties, "ContentType", None),
                user_properties=tuple(getattr(properties, "UserProperty", ())),
            )
        )
        if message.qos > 0:
            client.ack(message.mid, message.qos)
            faults.point("intake.after_ack")

    # ---- the network thread

    def _network(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._turned_at = time.monotonic()
            try:
                client = self._latest = self._make_client(secrets.token_hex(8))
                self._answered = False
                self._connect(client)
                try:
                    while self._carry(client):
                        if client.is_connected():
                            failures = 0
                finally:
                    self._hand_over(self._lost, client)
                if not (self._answered or self._stopping.is_set()):
                    # This is all that is heard where the broker refuses the device's certificate.
                    hint = "; it may not take this device's certificate" if self._mqtt.tls else ""
                    raise ConnectionError(f"the broker ended it before it answered{hint}")
            except (OSError, ValueError, TrainerdError) as error:
                _log.warning("no connection to %s:%d: %s", self._mqtt.host, self._mqtt.port, error)
            except Exception:  # noqa: BLE001
                _log.exception("the connection failed unexpectedly")
            # Full jitter: a fleet that lost its broker does not come back in step.
            self._stopping.wait(random.uniform(0.0, min(_MAX_BACKOFF_S, 0.5 * 2**failures)))  # noqa: S311
            failures = min(failures + 1, 16)

    def _carry(self, client: paho.Client) -> bool:
        """Let a connection go on for a while; False when it has ended, or is to end and all is said."""
        if self._stopping.is_set() and not client.want_write():
            return False
        self._turned_at = time.monotonic()
        # Short enough to keep the connection alive, long enough to idle; a publication ends it at once.
        return client.loop(min(self._mqtt.keepalive_s / 4, _STUCK_S / 4)) == paho.MQTT_ERR_SUCCESS

    def _make_client(self, session_id: str) -> paho.Client:
        mqtt = self._mqtt
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
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
        delay = None
        if self._is_5:
            delay = Properties(PacketTypes.WILLMESSAGE)
            delay.WillDelayInterval = _WILL_DELAY_S
        will = self._listener.will(session_id)
        client.will_set(will.topic, will.payload, 1, will.retain, delay)
        # Writing is left to the network thread: another thread must not write half a packet in between.
        client.on_socket_register_write = lambda *_: None
        client.on_socket_open = self._guard(_send_at_once)
        client.on_connect = self._guard(self._on_connect)
        client.on_subscribe = self._guard(_on_subscribe)
        client.on_publish = self._guard(self._on_publish)
        client.on_message = self._guard(self._on_message)
        return client

    def _connect(self, client: paho.Client) -> None:
        mqtt = self._mqtt
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
        self._answered = True
        if reason.is_failure:
            _log.error("the broker refuses the connection: %s", reason)
            client.disconnect()
            return
        self._hand_over(self._connected, client, flags.session_present, properties)

    def _on_publish(self, client: paho.Client, _: Any, mid: int, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            _log.error("the broker refuses a publication: %s", reason)
        self._hand_over(self._published, client, mid)

    def _on_message(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        if message.qos == 0 and self._handed - self._taken >= _MAX_WAITING:
            return
        self._handed += 1
        self._hand_over(self._received, client, message)


def _on_subscribe(_client: paho.Client, _: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
    refused = [str(reason) for reason in reasons if reason.is_failure]
    if refused:
        _log.error("the broker refuses a subscription (%s): check its access rules", ", ".join(refused))


def _send_at_once(_client: paho.Client, _: Any, link: socket.socket) -> None:
    """Without this an acknowledgement and the reply behind it wait for each other, 40 ms each time."""
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
