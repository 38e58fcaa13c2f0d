"""What a board samples comes back: real daemon and ports process, firmware as a process with a sensor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from daemon.database import open_read_only
from daemon.quantize.anomaly import load
from tests.deploy.gateway import Gateway, gateway
from tests.harness import Broker, Client, wait_until
from tests.scenario import KMEANS, PROJECT

SAMPLED = 'samples = "store"\nsample_ms = 4\n'


@pytest.fixture(scope="module")
def press(broker: Broker) -> Iterator[Gateway]:
    with gateway(broker, "sampling-gateway", versions=1, config=SAMPLED) as made:
        yield made


def results(client: Client) -> dict[int, dict[str, Any]]:
    """What has been published of rows, by their number."""
    topic = f"{client.root}/projects/{PROJECT}/inference/{KMEANS}"
    told = [json.loads(message.payload) for message in list(client.seen) if message.topic == topic]
    return {answer["row"]: answer for each in told for answer in each["results"]}


def stored(press: Gateway) -> list[tuple[dict[str, str], np.ndarray[Any, np.dtype[np.float32]]]]:
    """Recordings that came from the board: what they say of themselves, and their rows."""
    with closing(open_read_only(press.daemon.state_dir / "trainerd.db")) as database:
        found = database.execute(
            "SELECT metadata, data FROM recording WHERE name = 'press' ORDER BY id"
        ).fetchall()
    return [(json.loads(metadata), np.frombuffer(data, "<f4").reshape(-1, 3)) for metadata, data in found]


def test_rows_are_stored_and_scored_as_the_model_scores_them_here(press: Gateway) -> None:
    model = load(press.daemon.state_dir / f"projects/{PROJECT}/models/{KMEANS}/1/model_int8.npz")
    with press.daemon.client() as client, press.board():
        client.subscribe(f"{client.root}/projects/{PROJECT}/inference/{KMEANS}")
        wait_until("two recordings", lambda: len(stored(press)) >= 2)
        told = results(client)
    compared = numbers = 0
    for metadata, rows in stored(press):
        first, last = (int(word) for word in metadata["rows"].split()[:3:2])
        assert (metadata["target"], metadata["model"]) == ("press", "7.1") and len(rows) == last - first + 1
        assert first >= numbers  # No row is there twice.
        numbers = last + 1
        for number, score, anomaly in zip(
            range(first, numbers), model.score(rows), model.is_anomaly(rows), strict=True
        ):
            if number in told:
                assert told[number] == {"row": number, "score": float(score), "anomaly": bool(anomaly)}
                compared += 1
    assert compared > 100


def test_a_daemon_that_was_killed_goes_on_behind_what_it_has_stored(press: Gateway) -> None:
    with press.board():
        before = len(stored(press))
        wait_until("a recording", lambda: len(stored(press)) > before)
        press.daemon.kill()
        press.daemon.start()
        kept = len(stored(press))
        wait_until("another", lambda: len(stored(press)) > kept)
    spans = [tuple(metadata["rows"].split()) for metadata, _ in stored(press)]
    seen: dict[str, int] = {}
    for first, _, last, *_, boot in spans:
        assert int(first) >= seen.get(boot, 0)
        seen[boot] = int(last) + 1
