"""Thousands of small jobs on one daemon, with an eye on its memory, descriptors, threads and writes."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from daemon.jobs.job import ATK_PREDICT
from tests.atk.conversation import make_frame, make_model, result, run, train_body
from tests.harness import Broker, Client, Daemon
from tests.scenario import TERMINAL, properties

#: Models that predict at the same time: two jobs of one never run side by side.
_MODELS = 3
#: Jobs that have been asked for and have not ended.
_OPEN = 6
#: Seconds that the daemon is left alone before it is looked at.
_CALM_S = 2.0
#: Seconds without any end of a job that are taken as a standstill.
_STANDSTILL_S = 120.0


@dataclass(frozen=True)
class Look:
    """What the daemon's process held after so many jobs.

    Parameters
    ----------
    jobs : int
        Jobs that had ended.
    resident : int
        Resident memory in bytes.
    descriptors, threads, children : int
        Open files, threads, and child processes.
    written : int
        Bytes that the process has sent to the disk since its start, as the kernel counts them.
    stored : int
        Bytes of all files in the state directory.
    """

    jobs: int
    resident: int
    descriptors: int
    threads: int
    children: int
    written: int
    stored: int

    def __str__(self) -> str:
        return (
            f"{self.jobs} jobs: {self.resident / 2**20:.2f} MiB, {self.descriptors} descriptors, "
            f"{self.threads} threads, {self.stored / 2**20:.2f} MiB in the state directory, "
            f"{self.written / max(self.jobs, 1):.0f} bytes written a job"
        )


def look(daemon: Daemon, jobs: int) -> Look:
    """Look at the process of a daemon that has nothing to do."""
    assert daemon.process is not None
    process = Path(f"/proc/{daemon.process.pid}")
    pages = int((process / "statm").read_text().split()[1])
    io = dict(line.split(": ") for line in (process / "io").read_text().splitlines())
    return Look(
        jobs=jobs,
        resident=pages * os.sysconf("SC_PAGE_SIZE"),
        descriptors=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
        children=len((process / f"task/{daemon.process.pid}/children").read_text().split()),
        written=int(io["write_bytes"]),
        stored=sum(path.stat().st_size for path in daemon.state_dir.rglob("*") if path.is_file()),
    )


@dataclass
class Endurance:
    """Predictions of ATK, each in a worker process of its own, until so many have ended.

    Parameters
    ----------
    directory : Path
        For everything that is written.
    marks : tuple of int
        After how many jobs the daemon is looked at; the last one is the end.

    Attributes
    ----------
    looks : list of Look
        What was seen.
    ends : Counter
        How the jobs ended.
    violations : list of str
        What must not have happened.
    """

    directory: Path
    marks: tuple[int, ...]
    looks: list[Look] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _accepted: set[int] = field(default_factory=set)
    _ended: dict[int, str] = field(default_factory=dict)
    _frames: list[str] = field(default_factory=list)
    _last_end: float = 0.0

    def run(self) -> None:
        """Do all the jobs; the figures are complete afterwards."""
        broker = Broker(self.directory).start()
        config = f"[jobs]\nconcurrent = {_MODELS}\n\n[worker]\nnice = 0\nthreads = 1\n"
        daemon = Daemon(self.directory, broker.port, device="endurance", config=config)
        try:
            daemon.start()
            with daemon.client() as client:
                self._work(client, daemon)
            if daemon.stop() != 0:
                self.violations.append("the daemon did not end with 0")
        finally:
            daemon.kill()
            broker.stop()
        if "Traceback" in daemon.log():
            self.violations.append(f"a traceback in {self.directory / 'daemon.log'}")
        if self._accepted != self._ended.keys():
            self.violations.append(f"accepted and not ended: {sorted(self._accepted - self._ended.keys())}")

    def _work(self, client: Client, daemon: Daemon) -> None:
        bodies = [prepare(client) for _ in range(_MODELS)]
        client.paho.on_message = lambda _client, _data, message: self._hear(client, message)
        client.subscribe(f"{client.root}/jobs/+/status")
        asked = 0
        for mark in self.marks:
            self._last_end = time.monotonic()
            while len(self._ended) < mark:
                if asked < mark and asked - len(self._ended) < _OPEN:
                    _ask(client, asked, bodies[asked % _MODELS])
                    asked += 1
                else:
                    time.sleep(0.01)
                self._delete_frames(client)
                if time.monotonic() - self._last_end > _STANDSTILL_S:
                    raise AssertionError(f"{asked} asked for, {len(self._ended)} ended, and no more do")
            time.sleep(_CALM_S)
            self.looks.append(look(daemon, mark))
            sys.stderr.write(f"{self.looks[-1]}\n")
            if self.looks[-1].children:
                self.violations.append(f"worker processes are left after {mark} jobs")

    def _delete_frames(self, client: Client) -> None:
        with self._lock:
            frames, self._frames = self._frames, []
        for frame in frames:
            client.publish(f"{client.root}/post/v1/{frame}/delete", b"")

    def _hear(self, client: Client, message: paho.MQTTMessage) -> None:
        if not message.payload:
            return
        body: dict[str, Any] = json.loads(message.payload)
        with self._lock:
            if message.topic == _reply_topic(client):
                if "error" in body:
                    self.violations.append(f"a command was refused: {body}")
                else:
                    self._accepted.add(body["id"])
            elif body.get("categoryKey") == ATK_PREDICT and body["state"] in TERMINAL:
                self._hear_end(body)

    def _hear_end(self, job: dict[str, Any]) -> None:
        if job["id"] not in self._ended:
            self._ended[job["id"]] = job["finished"]
            self._last_end = time.monotonic()
            self.ends[job["state"]] += 1
            if job["state"] == "SUCCEEDED":
                self._frames.append(job["result"]["uri"])
            else:
                self.violations.append(f"job {job['id']} is {job['state']}: {job['error']}")
        elif self._ended[job["id"]] != job["finished"]:
            self.violations.append(f"job {job['id']} ended twice")


def prepare(client: Client) -> str:
    """Train a model; returns the body of the command that predicts by it."""
    frame, model = make_frame(client), make_model(client, "k_means")
    result(run(client, train_body("k_means", model, frame)))
    return json.dumps({"name": "model:k_means/predict", "arguments": {"model": model, "frame": frame}})


def _ask(client: Client, number: int, body: str) -> None:
    client.publish(
        f"{client.root}/post/v1/commands",
        body,
        properties=properties(ResponseTopic=_reply_topic(client), CorrelationData=str(number).encode()),
    )


def _reply_topic(client: Client) -> str:
    return f"{client.reply_topic}/command"
