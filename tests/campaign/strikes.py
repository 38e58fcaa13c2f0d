"""How a case of `tests.campaign.cases` is brought about."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.atk.conversation import make_frame, make_model, result, run, train_body
from tests.campaign.cases import Case, Outcome, outcome
from tests.harness import Broker, Client, Daemon, Reply, wait_until
from tests.reliability.scenes import (
    REQUEST_ID,
    check_kept,
    check_told,
    fault,
    replies,
    stopped,
    wait_for_death,
    worker_of,
)
from tests.scenario import PROJECT, TRAIN, properties, set_up_project, train_path, wait_for_end
from tests.versions import half_written, visible_versions

_HANGING = "[jobs]\ntimeout_s = 3\ncancel_grace_s = 0.1\n"
#: Seconds for which a process is stopped: longer than anything waits on a local connection.
_STOPPED_S = 1.0


@dataclass(frozen=True)
class Prepared:
    """A state directory in which both kinds of work can be done.

    Parameters
    ----------
    state : Path
        The directory.
    model, frame : int
        A trained model of ATK, and the frame to predict on.
    jobs : int
        Jobs that it remembers.
    """

    state: Path
    model: int
    frame: int
    jobs: int

    def request(self, work: str) -> tuple[str, dict[str, Any]]:
        """Path and body that ask for a kind of work."""
        if work == "train":
            return train_path(), TRAIN
        arguments = {"model": self.model, "frame": self.frame}
        return "v1/commands", {"name": "model:k_means/predict", "arguments": arguments}


def prepare(directory: Path, port: int) -> Prepared:
    """Make such a state directory."""
    daemon = Daemon(directory, port, device="prepared").start()
    try:
        with daemon.client() as client:
            set_up_project(client)
            frame, model = make_frame(client), make_model(client, "k_means")
            result(run(client, train_body("k_means", model, frame)))
            jobs = len(client.request("get", "jobs").body["jobs"])
    finally:
        daemon.stop()
    return Prepared(daemon.state_dir, model, frame, jobs)


@dataclass
class Strike:
    """One case, on a daemon and a broker that nobody else uses.

    Parameters
    ----------
    case : Case
        The case.
    prepared : Prepared
        What the daemon's state directory is a copy of.
    daemon : Daemon
        Not started yet.
    broker : Broker
        Runs, and keeps its sessions on disk where it is ended in order.
    """

    case: Case
    prepared: Prepared
    daemon: Daemon
    broker: Broker

    def run(self) -> None:
        """Ask, strike, ask again, and look at what has come of it."""
        case, expected = self.case, outcome(self.case)
        if case.action == "hang" and case.target == "worker":
            self.daemon.config = _HANGING
        action = case.action if case.inside else "pause"
        path, body = self.prepared.request(case.work)
        with self.daemon.client() as early:
            early.subscribe(f"{early.root}/jobs/#")
            self.daemon.start(environment=fault(f"{case.point}:{action}:{case.passage}"))
            self._send(early, path, body)
            if not case.inside:
                self._strike_from_outside(early)
            elif case.target == "daemon" and case.action in ("kill", "hang"):
                self._fall()
            elif expected.refused is not None:
                wait_until("the refusal", lambda: replies(early))
            self._judge(early, expected, path, body)

    def _send(self, client: Client, path: str, body: dict[str, Any]) -> None:
        client.publish(
            f"{client.root}/post/{path}",
            json.dumps(body),
            properties=properties(
                ResponseTopic=f"{client.reply_topic}/fixed", CorrelationData=REQUEST_ID.encode()
            ),
        )

    def _fall(self) -> None:
        """The daemon dies at the point, or is killed by who watches over it; and it is started again."""
        if self.case.action == "hang":
            wait_until("the daemon to hang", lambda: "it hangs" in self.daemon.log())
            self.daemon.kill()
        else:
            wait_for_death(self.daemon)
        assert half_written(self.daemon.state_dir) == []
        self.daemon.start()

    def _strike_from_outside(self, client: Client) -> None:
        waiting = wait_until("somebody to wait at the point", lambda: stopped(self._owner()))
        if self.case.target == "broker":
            self._strike_broker(client)
            os.kill(waiting, signal.SIGCONT)
        else:
            self._strike_daemon(waiting)

    def _owner(self) -> int | None:
        """The process that passes the point, where there is one yet."""
        assert self.daemon.process is not None
        return worker_of(self.daemon) if self.case.owner == "worker" else self.daemon.process.pid

    def _strike_broker(self, client: Client) -> None:
        broker, process = self.broker, self.broker.process
        assert process is not None
        if self.case.action == "hang":
            process.send_signal(signal.SIGSTOP)
            client.paho.publish(f"{client.reply_topic}/unheard", b"")
            time.sleep(_STOPPED_S)
            process.send_signal(signal.SIGCONT)
            return
        if self.case.action == "full":
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
            # It writes what is retained to its disk, and falls.
            client.paho.publish(f"{client.reply_topic}/kept", b"much", 1, retain=True)
            wait_until("the broker's death", lambda: process.poll() is not None)
        elif self.case.action == "kill":
            broker.kill()
        else:
            broker.stop()
        broker.start()

    def _strike_daemon(self, worker: int) -> None:
        daemon = self.daemon
        assert daemon.process is not None
        action, pid = self.case.action, daemon.process.pid
        if action == "hang":
            daemon.process.send_signal(signal.SIGSTOP)
            os.kill(worker, signal.SIGCONT)
            time.sleep(_STOPPED_S)
            daemon.process.send_signal(signal.SIGCONT)
        elif action == "full":
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
            os.kill(worker, signal.SIGCONT)
            wait_until("the reserve to be given away", lambda: not (daemon.state_dir / "reserve").exists())
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        else:
            if action == "kill":
                daemon.kill()
            else:
                assert daemon.stop() == 0
            assert half_written(daemon.state_dir) == []
            daemon.start()

    def _judge(self, early: Client, expected: Outcome, path: str, body: dict[str, Any]) -> None:
        late = self.daemon.client()
        # The same sender, who has lost its connection perhaps, but not its name.
        late.reply_topic = early.reply_topic
        with late:
            late.subscribe(f"{late.root}/jobs/#")
            again: Reply = late.request("post", path, body, request_id=REQUEST_ID)
            assert again.status == 200, again.body
            job = wait_for_end(late, again.body["id"])
            code = None if job["error"] is None else job["error"]["code"]
            assert (job["state"], code, job["resumed"]) == (expected.state, expected.code, expected.resumed)
            if expected.stage is not None:
                assert job["error"]["stage"] == expected.stage
            heard = replies(early)
            if expected.refused is not None:
                first = heard.pop(0)
                assert first.get("success") is False or "error" in first
            assert all(reply == again.body for reply in heard)
            listed = late.request("get", "jobs").body["jobs"]
            assert listed[0] == job
            assert len(listed) == self.prepared.jobs + 1
            check_told(late, job)
            if self.case.target != "broker" or self.case.action == "hang":
                # Its subscription has not been forgotten.
                check_told(early, job)
            check_kept(self.daemon, job)
            self._look_at_what_was_made(late, succeeded=job["finishedSuccessful"])

    def _look_at_what_was_made(self, client: Client, *, succeeded: bool) -> None:
        versions = {block for block in visible_versions(self.daemon.state_dir) if block[0] == PROJECT}
        frames = client.request("get", "v1/frames").body
        assert len(versions) == (succeeded and self.case.work == "train")
        assert len(frames) == 1 + (succeeded and self.case.work == "predict")
