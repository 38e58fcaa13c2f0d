"""The demo's user: an MQTT 3.1.1 client outside the daemon, as anybody could write it."""

from __future__ import annotations

import json
import queue
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

#: Seconds that the daemon has for an answer.
_PATIENCE_S = 20.0
#: Characters of a body that are shown.
_SHOWN = 56

Tell = Callable[[str], None]

#: Topic under the device's own, and JSON.
Message = tuple[str, dict[str, Any]]


class DemoClient:
    """One connection to the broker; replies and job topics arrive in a queue.

    Parameters
    ----------
    port : int
        The broker's port on the loopback interface.
    root : str
        ``<base>/<device>``.
    tell : callable
        Called with a line for each request sent and each reply received.
    """

    def __init__(self, port: int, root: str, tell: Tell) -> None:
        self._port = port
        self._root = root
        self._tell = tell
        self._messages: queue.Queue[Message] = queue.Queue()
        self._aside: deque[Message] = deque()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, f"demo-{uuid.uuid4().hex[:12]}")
        self._client.on_message = self._on_message

    def __enter__(self) -> DemoClient:
        self._client.connect("127.0.0.1", self._port)
        for leaf in ("state", "reply/#", "jobs/+/status", "jobs/+/progress"):
            self._client.subscribe(f"{self._root}/{leaf}", 1)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def next_message(self, timeout_s: float = _PATIENCE_S) -> Message | None:
        """The next message; None where none comes in time."""
        return self._aside.popleft() if self._aside else self._receive(timeout_s)

    def _receive(self, timeout_s: float) -> Message | None:
        try:
            return self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for the body of its reply.

        Raises
        ------
        RuntimeError
            No reply came, or it was a refusal.
        """
        request_id = uuid.uuid4().hex
        topic = f"{self._root}/post/{path}"
        self._tell(f"-> {topic}  {_short(body)}")
        self._client.publish(topic, json.dumps({**body, "requestId": request_id}), qos=1)
        while (message := self._receive(_PATIENCE_S)) is not None:
            reply = message[1]
            if message[0] != f"reply/post/{path}" or reply.get("requestId") != request_id:
                self._aside.append(message)
            else:
                self._tell(f"<- {reply['status']}  {_short(reply['body'])}")
                if reply["status"] != 200:
                    raise RuntimeError(f"{path} was refused: {reply['body']['error']}")
                answer: dict[str, Any] = reply["body"]
                return answer
        raise RuntimeError(f"no reply to {topic}")

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        topic = message.topic.removeprefix(f"{self._root}/")
        if message.payload:
            self._messages.put((topic, json.loads(message.payload)))


def _short(body: dict[str, Any]) -> str:
    text = json.dumps(body)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
