"""Odd requests, straight into the intake of a daemon or through a broker: none may do what it should not."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from daemon import config_file
from daemon.app import Core, open_core
from daemon.config import Config
from daemon.database import Database
from daemon.intake import Incoming
from tests.campaign.odd_requests import SOUND, VARIANTS, drawn
from tests.harness import Broker, Client, Daemon, wait_until
from tests.scenario import carried, properties, user_properties

#: What may be answered: anything else is a defect of the daemon.
STATUSES = {200, 400, 403, 404, 409, 413, 429, 503}
_MAX_BYTES = 256 * 1024
#: Requests that one state directory gets, so that it stays small and every one begins with little in it.
_PER_DIRECTORY = 20_000
#: Jobs that wait at most: nobody does them, and a full queue answers all alike.
_MOST_JOBS = 50
#: Seconds for the replies to a batch.
_PATIENCE_S = 120.0


@dataclass
class Fuzzer:
    """Requests for one intake after another.

    Parameters
    ----------
    directory : Path
        For state directories; on a disk in memory it is much faster.

    Attributes
    ----------
    answers : Counter
        How many requests got which status.
    """

    directory: Path
    answers: Counter[int] = field(default_factory=Counter)

    def run(self, requests: int, first_seed: int) -> None:
        """Send so many requests, in whole batches of what hypothesis draws.

        Raises
        ------
        AssertionError
            One was answered as none must be, or left something behind; the message shows it.
        """
        logging.getLogger("daemon").setLevel(logging.CRITICAL)
        for number, done in enumerate(range(0, requests, _PER_DIRECTORY)):
            examples = max(1, min(_PER_DIRECTORY, requests - done) // VARIANTS)
            with _core(self.directory / str(number)) as core:
                self._send(core, examples, first_seed + number)

    def _send(self, core: Core, examples: int, chosen: int) -> None:
        for method, path, body in SOUND:
            assert self._serve(core, Incoming(method, path, json.dumps(body).encode())) == 200

        def send(batch: list[Incoming]) -> None:
            for request in batch:
                self._serve(core, request)
            _make_room(core.services.database)

        _draw(examples, chosen, send)

    def _serve(self, core: Core, request: Incoming) -> int:
        database = core.services.database
        before = _count(database)
        recorded: list[Any] = []
        served = core.intake.serve(request, _MAX_BYTES, recorded.append)
        status = served.answer.status
        assert status in STATUSES, (request, served)
        assert not database.connection.in_transaction, request
        # What was taken is on disk with its answer; what was refused, or only asked, has left nothing.
        assert served.recorded == (status == 200 and request.method == "post"), (request, served)
        assert served.recorded or _count(database) == before, (request, served)
        assert served.recorded is bool(recorded), request
        assert request.encoding.write(served.answer.body)
        self.answers[status] += 1
        return status


def through_broker(directory: Path, requests: int, chosen: int) -> Counter[int]:
    """Send odd requests over MQTT to a daemon whose workers do nothing; each must get one reply.

    Returns
    -------
    Counter
        How many got which status.
    """
    answers: Counter[int] = Counter()
    broker = Broker(directory).start()
    daemon = Daemon(directory, broker.port, device="fuzzed", config="[jobs]\nmax_queued = 20\n")
    try:
        daemon.start(environment={"TRAINERD_FAULT": "worker.spec_read:hang"})
        with daemon.client() as client:

            def send(batch: list[Incoming]) -> None:
                answers.update(_converse(client, batch, answers.total()))

            _draw(max(1, requests // VARIANTS), chosen, send)
            assert client.request("get", "status").status == 200
        assert daemon.stop() == 0
    finally:
        daemon.kill()
        broker.stop()
    assert "Traceback" not in daemon.log()
    return answers


def _converse(client: Client, batch: list[Incoming], sent: int) -> list[int]:
    """Send a batch; the statuses of its replies."""
    client.seen.clear()
    topic = f"{client.reply_topic}/odd"
    for number, request in enumerate(batch, sent):
        given = {"ContentType": request.content_type, "UserProperty": list(request.properties.items())}
        client.paho.publish(
            f"{client.root}/{request.method}/{request.path}",
            request.payload,
            1,
            properties=properties(
                ResponseTopic=topic,
                CorrelationData=str(number).encode(),
                **{name: value for name, value in given.items() if value},
            ),
        )
    wait_until("a reply to each", lambda: len(client.seen) >= len(batch), _PATIENCE_S)
    heard = [int(carried(message).CorrelationData) for message in client.seen]
    assert sorted(heard) == list(range(sent, sent + len(batch)))
    statuses = [int(user_properties(message)["status"]) for message in client.seen]
    assert set(statuses) <= STATUSES
    return statuses


def _draw(examples: int, chosen: int, send: Callable[[list[Incoming]], None]) -> None:
    """Let hypothesis draw so many batches of requests."""

    @seed(chosen)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        # A request is told as it was: a smaller one would meet another state of the daemon.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        send(list(drawn(data.draw)))

    run()


@contextmanager
def _core(directory: Path) -> Iterator[Core]:
    daemon = Daemon(directory, 1, device="fuzzed")
    with open_core(_config(daemon)) as core:
        yield core


def _config(daemon: Daemon) -> Config:
    return config_file.load(daemon.write_config())


def _count(database: Database) -> tuple[int, ...]:
    """How much there is of everything that a request can make."""
    row = database.connection.execute(
        "SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM recording), (SELECT count(*) FROM frame),"
        " (SELECT count(*) FROM atk_model), (SELECT count(*) FROM block), (SELECT count(*) FROM project)"
    ).fetchone()
    return tuple(row)


def _make_room(database: Database) -> None:
    """Forget jobs, which nobody does here."""
    if _count(database)[0] > _MOST_JOBS:
        with database.transaction() as connection:
            connection.execute("DELETE FROM job")
