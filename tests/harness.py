"""A real Mosquitto, a real daemon and a plain MQTT client, each on its own port and paths.

Everything waits for an event with a generous deadline and says what it saw when the deadline passes;
nothing here sleeps for a fixed time and hopes.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cbor2
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

#: Seconds that a test waits for anything before it gives up.
PATIENCE = 30.0


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Poll `condition` until it is true, and return its value."""
    deadline = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:g} s for {what}")
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes] | None, sig: signal.Signals) -> int | None:
    """Signal a process, wait for its end, kill it where it does not end."""
    if process is None:
        return None
    if process.poll() is None:
        process.send_signal(sig)
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{process.args!r} did not end on {sig.name}") from None


@dataclass
class Broker:
    """One Mosquitto on a free loopback port.

    Parameters
    ----------
    directory : Path
        Where its configuration and log go.
    settings : tuple of str
        Further lines of its configuration.
    """

    directory: Path
    settings: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        """Start it; a second start after `kill` or `stop` uses the same port."""
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if program is None:
            raise AssertionError("mosquitto is not installed; `make test` installs it")
        fixed = bool(self.port)
        for _ in range(5):
            self.port = self.port or free_port()
            config = self.directory / "mosquitto.conf"
            lines = (
                f"listener {self.port} 127.0.0.1",
                "allow_anonymous true",
                "max_queued_messages 0",
                # Else the broker holds each reply back for 40 ms behind its own acknowledgement.
                "set_tcp_nodelay true",
            )
            config.write_text("\n".join((*lines, *self.settings)) + "\n")
            with (self.directory / "mosquitto.log").open("ab") as log:
                began = log.tell()
                self.process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log)
            if wait_until("Mosquitto to run or to end", partial(self._runs_or_ended, began)) == "runs":
                return self
            self.port = self.port if fixed else 0
        raise AssertionError((self.directory / "mosquitto.log").read_text())

    def _runs_or_ended(self, began: int) -> str:
        # A connection proves nothing: another broker may have been faster to take the port.
        log = (self.directory / "mosquitto.log").read_bytes()[began:]
        if b" running" in log:
            return "runs"
        return "ended" if self.process is None or self.process.poll() is not None else ""

    def stop(self) -> None:
        """End it as a service manager would."""
        _end(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        _end(self.process, signal.SIGKILL)


@dataclass
class Reply:
    """What came back to a request.

    Parameters
    ----------
    status : int
        Status as in HTTP.
    body : Any
        The decoded JSON or CBOR.
    message : MQTTMessage
        The message itself.
    """

    status: int
    body: Any
    message: paho.MQTTMessage


def _without_delay(_client: paho.Client, _data: object, link: Any) -> None:
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Client:
    """A program outside the daemon that speaks MQTT 5 with it; everything received stays in `seen`."""

    def __init__(self, port: int, device: str, *, version: int = 5, base: str = "trainerd") -> None:
        self.port = port
        self.device = device
        self.root = f"{base}/{device}"
        self.version = version
        self.name = f"test-{uuid.uuid4().hex[:12]}"
        self.reply_topic = f"{base}/reply/{self.name}"
        self.seen: list[paho.MQTTMessage] = []
        self._acks: queue.Queue[int] = queue.Queue()
        protocol = paho.MQTTv5 if version == 5 else paho.MQTTv311
        self.paho = paho.Client(CallbackAPIVersion.VERSION2, self.name, protocol=protocol)
        self.paho.on_socket_open = _without_delay
        self.paho.on_message = lambda _client, _data, message: self.seen.append(message)
        self.paho.on_subscribe = lambda _client, _data, mid, _codes, _properties: self._acks.put(mid)

    def __enter__(self) -> Client:
        self.paho.connect("127.0.0.1", self.port)
        self.paho.loop_start()
        self.subscribe(f"{self.root}/#" if self.version != 5 else f"{self.reply_topic}/#")
        return self

    def __exit__(self, *_: object) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()

    def subscribe(self, topic: str) -> None:
        """Subscribe at QoS 1 and wait for the acknowledgement."""
        wait_until("a connection", self.paho.is_connected)
        self.paho.subscribe(topic, 1)
        self._acks.get(timeout=PATIENCE)

    def publish(self, topic: str, payload: bytes | str, **options: Any) -> None:
        """Publish at QoS 1 (unless `qos` says otherwise) and wait until the broker has it."""
        self.paho.publish(topic, payload, **{"qos": 1, **options}).wait_for_publish(PATIENCE)

    def wait_for(self, what: str, wanted: Callable[[paho.MQTTMessage], bool]) -> paho.MQTTMessage:
        """The first message seen, now or later, that is `wanted`."""
        found: paho.MQTTMessage = wait_until(
            what, lambda: next((message for message in list(self.seen) if wanted(message)), None)
        )
        return found

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        request_id: str | None = None,
        group: str | None = None,
        content_type: str | None = None,
        beside: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request over MQTT 5 and wait for its reply.

        Parameters
        ----------
        method : {"get", "post"}
            As in the topic.
        path : str
            As in the topic.
        body : Any
            JSON; bytes are sent as they are; None is an empty body.
        request_id : str or None
            The Correlation Data; a fresh one where it is left out.
        group : str or None
            Send it to this group instead of to the device.
        content_type : str or None
            Content Type of the packet.
        beside : mapping or None
            User properties of the packet.
        """
        properties = Properties(PacketTypes.PUBLISH)
        correlation = (request_id or uuid.uuid4().hex).encode()
        topic = f"{self.reply_topic}/{uuid.uuid4().hex[:8]}"
        if request_id is not None:
            topic = f"{self.reply_topic}/fixed"  # the identity of a request includes its Response Topic
        properties.ResponseTopic = topic
        properties.CorrelationData = correlation
        if content_type is not None:
            properties.ContentType = content_type
        if beside is not None:
            properties.UserProperty = list(beside.items())
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        root = self.root if group is None else f"{self.root.split('/')[0]}/group/{group}"
        before = len(self.seen)
        self.publish(f"{root}/{method}/{path}", payload, properties=properties)

        def answer() -> paho.MQTTMessage | None:
            for message in self.seen[before:]:
                given = getattr(message.properties, "CorrelationData", None)
                if message.topic == topic and given == correlation:
                    return message
            return None

        message = wait_until(f"the reply to {method} {path}", answer)
        status = dict(message.properties.UserProperty)["status"]
        binary = getattr(message.properties, "ContentType", None) == "application/cbor"
        decode = cbor2.loads if binary else json.loads
        return Reply(int(status), decode(message.payload) if message.payload else None, message)


@dataclass
class Daemon:
    """The real daemon as its own process, with its own state directory.

    Parameters
    ----------
    directory : Path
        Holds ``trainerd.toml``, ``state/`` and ``run/``, and the log of its standard error.
    port : int
        The broker's.
    device : str
        Its device id.
    group : str
        The group that it belongs to; one that stays online between tests has one of its own.
    config : str
        Text put at the end of the configuration file: further tables.
    """

    directory: Path
    port: int
    device: str = "test-device"
    version: int = 5
    group: str = "line-1"
    config: str = ""
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config_file(self) -> Path:
        """The configuration that it was started with."""
        return self.directory / "trainerd.toml"

    @property
    def state_dir(self) -> Path:
        """Where it keeps everything."""
        return self.directory / "state"

    @property
    def socket(self) -> Path:
        """The local socket."""
        return self.directory / "run" / "trainerd.sock"

    def write_config(self) -> Path:
        """Write the configuration file and make the directories that it names."""
        for folder in (self.state_dir, self.directory / "run"):
            folder.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(
            f'state_dir = "{self.state_dir}"\nruntime_dir = "{self.directory / "run"}"\n\n'
            f'[device]\nid = "{self.device}"\ngroups = ["{self.group}"]\n\n'
            f'[mqtt]\nhost = "127.0.0.1"\nport = {self.port}\nversion = {self.version}\n\n{self.config}'
        )
        return self.config_file

    def start(self, *, wait: bool = True, environment: Mapping[str, str] | None = None) -> Daemon:
        """Start it and, unless told otherwise, wait for its retained ``online``.

        Parameters
        ----------
        wait : bool
            False where it is meant to die early or has no broker.
        environment : mapping or None
            Added to the environment, for this start only.
        """
        self.write_config()
        before = self._session() if wait else None
        with (self.directory / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daemon", "run", "--config", str(self.config_file)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment, **(environment or {})},
            )
        if wait:
            self.wait_online(before)
        return self

    def log(self) -> str:
        """Everything that it wrote to its standard error and output."""
        path = self.directory / "daemon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _session(self) -> str | None:
        """Session id in the retained state, where there is one."""
        with self.client() as client:
            client.subscribe(f"{client.root}/state")
            # What is retained was sent before anything published from now on.
            client.publish(f"{client.reply_topic}/marker", b"")
            client.wait_for("the marker", lambda message: message.topic.endswith("/marker"))
            states = [
                json.loads(message.payload) for message in client.seen if message.topic.endswith("/state")
            ]
        return states[-1].get("sessionId") if states else None

    def wait_online(self, before: str | None = None) -> None:
        """Wait for a retained ``online`` of another session than `before`."""
        with self.client() as client:
            client.subscribe(f"{client.root}/state")

            def online() -> bool:
                if self.process is None or self.process.poll() is not None:
                    raise AssertionError("the daemon ended")
                states = [
                    json.loads(m.payload) for m in list(client.seen) if m.topic == f"{client.root}/state"
                ]
                return any(state["state"] == "online" and state["sessionId"] != before for state in states)

            try:
                wait_until("the daemon to be online", online)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log()}") from None

    def client(self, version: int = 5) -> Client:
        """A client of the broker that the daemon is on; use it in a ``with``."""
        return Client(self.port, self.device, version=version)

    def stop(self) -> int | None:
        """End it as a service manager would; its exit status."""
        return _end(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        _end(self.process, signal.SIGKILL)
