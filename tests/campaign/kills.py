"""Kill daemon, workers and broker at random moments, spoil their link, and count what went wrong."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.campaign.controller import Controller
from tests.harness import Broker, Daemon, wait_until
from tests.reliability.proxy import Proxy, Shuffle, repeat
from tests.scenario import TERMINAL, set_up_project
from tests.versions import half_written

_CONFIG = "keepalive_s = 5\n\n[jobs]\nkeep = 100000\n\n[models]\nkeep_versions = 3\n"
_TARGETS = ("daemon", "daemon", "worker", "worker", "broker", "link")
#: How jobs may end here: their worker was killed, or they were interrupted too often.
_EXPECTED = (None, "worker_killed", "interrupted")
#: Seconds for everything to come to its end after the last kill.
_PATIENCE_S = 300.0


class Kills:
    """One run of so many kills.

    Parameters
    ----------
    directory : Path
        For everything that is written.
    kills, seed : int
        How often something is killed, and the seed of all choices.
    """

    def __init__(self, directory: Path, kills: int, seed: int) -> None:
        self._random = random.Random(seed)
        self._kills = kills
        self._directory = directory
        self._broker = Broker(directory)
        self._seed = seed
        self._jobs: dict[int, tuple[str, str, int]] = {}
        self._codes: dict[int, str | None] = {}
        self.killed: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.figures = dict.fromkeys(
            ("lost", "started twice", "ended twice", "stuck", "half-written versions", "daemon crashes"), 0
        )
        self.notes: list[str] = []

    def run(self) -> None:
        """Kill, and look; the figures are complete afterwards."""
        self._broker.start()
        with Proxy(self._broker.port) as self._link:
            self._daemon = Daemon(self._directory, self._link.port, device="campaign", config=_CONFIG)
            self._daemon.start()
            with self._daemon.client() as client:
                set_up_project(client, 1)
                set_up_project(client, 2)
            self._strike()

    def _strike(self) -> None:
        controller = Controller(self._broker.port, "campaign", self._seed)
        controller.start()
        try:
            for number in range(self._kills):
                time.sleep(self._random.uniform(0.05, 2.0))
                self._kill(self._random.choice(_TARGETS))
                self._look_at_versions()
                if (number + 1) % 20 == 0:
                    sys.stderr.write(f"{number + 1} kills, {len(controller.accepted)} jobs accepted\n")
            self._link.improve()
            controller.stop_asking()
            with contextlib.suppress(AssertionError):
                wait_until("everything to end", controller.settled, _PATIENCE_S)
        finally:
            controller.stop()
            self._note_crash()
            self._daemon.kill()
            self._broker.stop()
        self._look_at_jobs()
        self._look_at_versions()
        self._judge(controller)

    def _kill(self, target: str) -> None:
        self._note_crash()
        if target == "worker":
            worker = self._worker()
            if worker is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                self.killed["worker"] += 1
                return
            target = "daemon"
        self.killed[target] += 1
        if target == "link":
            self._spoil_link()
            return
        if target == "broker":
            self._broker.kill()
            time.sleep(self._random.choice((0.0, 0.0, 1.0)))
            self._broker.start()
            return
        self._daemon.kill()
        self._look_at_jobs()
        self._daemon.start(wait=False)

    def _spoil_link(self) -> None:
        """Let the link be bad in one way, until it is bad in another."""
        link = self._link
        link.improve()
        link.mischief = self._random.choice((None, repeat, Shuffle()))
        link.bytes_per_s = self._random.choice((None, 20_000))
        if self._random.random() < 0.5:
            link.cut()
        else:
            # Longer than the keep-alive, at times.
            link.silent = True
            time.sleep(self._random.uniform(0.5, 10.0))
            link.silent = False

    def _worker(self) -> int | None:
        """A worker's process id, waited for: on a slow machine it takes a while to come."""
        process = self._daemon.process
        assert process is not None
        deadline = time.monotonic() + 20.0
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                if children:
                    time.sleep(self._random.uniform(0.0, 1.0))
                    return int(children[0])
            time.sleep(0.02)
        return None

    def _note_crash(self) -> None:
        process = self._daemon.process
        if process is not None and process.poll() is not None:
            self.figures["daemon crashes"] += 1
            self.notes.append(f"the daemon ended by itself with status {process.returncode}")
            self._daemon.start(wait=False)

    def _look_at_versions(self) -> None:
        """What is seen twice was not just being replaced."""
        problems = half_written(self._daemon.state_dir)
        if problems:
            time.sleep(0.2)
            again = half_written(self._daemon.state_dir)
            lasting = [problem for problem in problems if problem in again]
            self.figures["half-written versions"] += len(lasting)
            self.notes += lasting

    def _look_at_jobs(self) -> None:
        """The jobs on disk, while no daemon runs: one that has ended must not change any more."""
        with tempfile.TemporaryDirectory() as folder:
            for path in self._daemon.state_dir.glob("trainerd.db*"):
                shutil.copy(path, folder)
            connection = sqlite3.connect(Path(folder) / "trainerd.db")
            rows = connection.execute(
                "SELECT id, state, finished, version, request_id, json_extract(error, '$.code') FROM job"
            ).fetchall()
            connection.close()
        for job_id, state, finished, version, _, code in rows:
            known = self._jobs.get(job_id)
            if known is not None and known[0] in TERMINAL and known != (state, finished, version):
                self.figures["ended twice"] += 1
                self.notes.append(f"job {job_id} was {known} and is {(state, finished, version)}")
            self._jobs[job_id] = (state, finished, version)
            self._codes[job_id] = code
        twice = [name for name, count in Counter(row[4] for row in rows).items() if count > 1]
        self.figures["started twice"] = len(twice)

    def _judge(self, controller: Controller) -> None:
        for job_id in controller.accepted.values():
            if job_id not in self._jobs:
                self.figures["lost"] += 1
                self.notes.append(f"job {job_id} is lost")
        for job_id, (state, _, _) in self._jobs.items():
            code = self._codes[job_id]
            self.states[f"{state} {code}" if code else state] += 1
            if code not in _EXPECTED:
                self.notes.append(f"job {job_id} is {state} with {code}")
        self.figures["stuck"] = sum(state not in TERMINAL for state, _, _ in self._jobs.values())
        self.figures["ended twice"] += len(controller.violations)
        self.notes += controller.violations
        for job_id, ends in controller.ends.items():
            if job_id not in self._jobs and ends:
                self.notes.append(f"job {job_id} was told of and is not known")
                self.figures["lost"] += 1
        unread = self._daemon.log().count("Traceback")
        if unread:
            self.notes.append(f"{unread} tracebacks in {self._directory / 'daemon.log'}")
