"""Answers that are remembered, and publications that wait for their broker."""

from __future__ import annotations

import time

import pytest

from daemon.database import Database
from daemon.errors import RequestIdConflict
from daemon.jobs import outbox as outboxes
from daemon.jobs import requests
from daemon.jobs.outbox import Outbox
from daemon.jobs.requests import RequestStore


def test_the_same_request_gets_its_answer_again(database: Database) -> None:
    store = RequestStore(database)
    assert store.find("id", b"payload") is None
    store.remember("id", b"payload", 200, b"answer")
    assert store.find("id", b"payload") == (200, b"answer")
    assert store.find("other", b"payload") is None


def test_the_same_id_with_another_payload_is_a_conflict(database: Database) -> None:
    store = RequestStore(database)
    store.remember("id", b"payload", 200, b"answer")
    with pytest.raises(RequestIdConflict):
        store.find("id", b"other")
    assert store.find_same("id", b"other") is None
    assert store.find_same("id", b"payload") == (200, b"answer")


def test_answers_are_forgotten_by_age_and_by_number(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RequestStore(database)
    now = time.time()
    monkeypatch.setattr(requests, "KEEP_COUNT", 3)
    monkeypatch.setattr(time, "time", lambda: now - requests.KEEP_S - 1)
    store.remember("old", b"", 200, b"")
    monkeypatch.setattr(time, "time", lambda: now + 2 * requests.KEEP_S)
    store.remember("from a clock that ran ahead", b"", 200, b"")
    for number in range(5):
        moment = now + number
        monkeypatch.setattr(time, "time", lambda moment=moment: moment)
        store.remember(str(number), b"", 200, b"")
    kept = [
        identity
        for identity in ("old", "from a clock that ran ahead", "0", "1", "2", "3", "4")
        if store.find(identity, b"") is not None
    ]
    assert kept == ["2", "3", "4"]


def test_the_outbox_keeps_order_until_an_envelope_has_arrived(database: Database) -> None:
    outbox = Outbox(database)
    numbers = [outbox.put(text) for text in (b"a", b"b", b"c")]
    assert [envelope for _, envelope in outbox.after(0, 10)] == [b"a", b"b", b"c"]
    assert outbox.after(numbers[0], 1) == [(numbers[1], b"b")]
    outbox.remove([numbers[1]])
    assert [envelope for _, envelope in outbox.after(0, 10)] == [b"a", b"c"]


def test_a_rolled_back_transaction_leaves_nothing_in_the_outbox(database: Database) -> None:
    outbox = Outbox(database)
    with pytest.raises(RuntimeError), database.transaction():
        outbox.put(b"never")
        raise RuntimeError
    assert outbox.after(0, 10) == []


def test_the_oldest_go_when_the_broker_stays_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "KEEP_COUNT", 2)
    outbox = Outbox(database)
    for text in (b"a", b"b", b"c", b"d"):
        outbox.put(text)
    assert [envelope for _, envelope in outbox.after(0, 10)] == [b"c", b"d"]
