"""A program that wants models trained and does not give up: it sends a request until it is answered."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from typing import Any

import paho.mqtt.client as paho

from tests.harness import Client
from tests.scenario import GMM, KMEANS, TERMINAL, TRAIN, carried, properties, train_path

#: Seconds after which an unanswered request is sent again.
_RESEND_S = 2.0
#: Requests without an answer, and jobs that have not ended, at most.
_MOST_UNANSWERED, _MOST_OPEN = 3, 5
#: How often a request that was answered is sent once more all the same.
_SEND_AGAIN = 0.2


class Controller:
    """Sends requests from a thread of its own, and notes what it is told.

    Parameters
    ----------
    port : int
        The broker's.
    device : str
        Whom the requests are for.
    seed : int
        Seed of what is asked for and when.

    Attributes
    ----------
    accepted : dict
        Request id to the id of its job.
    ends : dict
        Job id to the distinct terminal states that were told.
    violations : list of str
        What must not have happened.
    """

    def __init__(self, port: int, device: str, seed: int) -> None:
        self.accepted: dict[str, int] = {}
        self.ends: dict[int, set[bytes]] = {}
        self.violations: list[str] = []
        self.sent = 0
        self._client = Client(port, device)
        self._random = random.Random(seed)
        self._unanswered: dict[str, tuple[str, float]] = {}
        self._paths: dict[str, str] = {}
        self._asking = threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Connect, and begin to ask."""
        mqtt = self._client.paho
        mqtt.reconnect_delay_set(1, 1)
        mqtt.on_message = lambda _client, _data, message: self._hear(message)
        mqtt.on_connect = lambda *_: self._subscribe()
        mqtt.connect("127.0.0.1", self._client.port)
        mqtt.loop_start()
        self._asking.set()
        self._thread.start()

    def stop_asking(self) -> None:
        """Ask for nothing new; what was asked is still asked until it is answered."""
        self._asking.clear()

    def settled(self) -> bool:
        """Whether every request was answered and every job has been told to have ended."""
        with self._lock:
            return not self._unanswered and all(job in self.ends for job in self.accepted.values())

    def stop(self) -> None:
        """Disconnect."""
        self._stop.set()
        self._thread.join()
        self._client.paho.disconnect()
        self._client.paho.loop_stop()

    def _subscribe(self) -> None:
        self._client.paho.subscribe(
            [(f"{self._client.reply_topic}/#", 1), (f"{self._client.root}/jobs/+/status", 1)]
        )

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            now = time.monotonic()
            with self._lock:
                due = [name for name, (_, sent) in self._unanswered.items() if now - sent > _RESEND_S]
                still_open = sum(job not in self.ends for job in self.accepted.values())
                room = len(self._unanswered) < _MOST_UNANSWERED and still_open < _MOST_OPEN
            for name in due:
                self._send(name)
            if self._asking.is_set() and room and self._random.random() < 0.3:
                name = uuid.UUID(int=self._random.getrandbits(128)).hex
                learn_id = self._random.choice((KMEANS, GMM))
                self._paths[name] = train_path(learn_id, self._random.choice((1, 2)))
                self._send(name)
            if self.accepted and self._random.random() < _SEND_AGAIN * 0.05:
                self._send(self._random.choice(list(self.accepted)), again=True)

    def _send(self, name: str, *, again: bool = False) -> None:
        with self._lock:
            if not again:
                self._unanswered[name] = (self._paths[name], time.monotonic())
        self.sent += 1
        self._client.paho.publish(
            f"{self._client.root}/post/{self._paths[name]}",
            json.dumps(TRAIN),
            1,
            properties=properties(
                ResponseTopic=f"{self._client.reply_topic}/fixed", CorrelationData=name.encode()
            ),
        )

    def _hear(self, message: paho.MQTTMessage) -> None:
        if not message.payload:
            return
        body: dict[str, Any] = json.loads(message.payload)
        with self._lock:
            if message.topic == f"{self._client.reply_topic}/fixed":
                self._hear_reply(carried(message).CorrelationData.decode(), body)
            elif body["state"] in TERMINAL:
                ends = self.ends.setdefault(body["id"], set())
                ends.add(bytes(message.payload))
                if len(ends) == 2:
                    self.violations.append(f"job {body['id']} was told to have ended in two ways: {ends}")
            elif body["id"] in self.ends:
                self.violations.append(f"job {body['id']} had ended and is {body['state']} again")

    def _hear_reply(self, name: str, body: dict[str, Any]) -> None:
        if not body["success"]:
            # To be tried again; anything but a want of room is a mistake.
            if body["code"] not in ("queue_full", "disk_full"):
                self.violations.append(f"request {name} was refused: {body}")
            return
        self._unanswered.pop(name, None)
        known = self.accepted.setdefault(name, body["id"])
        if known != body["id"]:
            self.violations.append(f"request {name} is job {known} and job {body['id']}")
