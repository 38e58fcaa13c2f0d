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


def test_answers_are_forgotten_by_number(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "KEEP_COUNT", 3)
    clock = Clock()
    store = RequestStore(database, clock)
    for number in range(5):
        clock.now += 1
        store.remember(str(number), b"", 200, b"")
    assert kept(store, "0", "1", "2", "3", "4") == ["2", "3", "4"]


def test_answers_are_forgotten_after_a_week_of_running(database: Database) -> None:
    clock = Clock()
    store = RequestStore(database, clock)
    store.remember("old", b"", 200, b"")
    clock.now += requests.KEEP_S
    store.remember("a week later", b"", 200, b"")
    assert kept(store, "old", "a week later") == ["old", "a week later"]
    # Another boot: the monotonic clock begins anew, the count goes on.
    clock = Clock()
    store = RequestStore(database, clock)
    store.remember("after a restart", b"", 200, b"")
    assert kept(store, "old", "a week later") == ["old", "a week later"]
    clock.now += 1
    store.remember("later still", b"", 200, b"")
    assert kept(store, "old", "a week later", "after a restart") == ["a week later", "after a restart"]


def test_no_jump_of_the_clock_makes_an_answer_forgotten(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    for year in (56, 0, 90, 10, 56):
        monkeypatch.setattr(time, "time", lambda year=year: year * 365.25 * 86400.0)
        given.append(f"in {1970 + year}, request {len(given)}")
        RequestStore(database).remember(given[-1], b"", 200, b"")
    assert kept(RequestStore(database), *given) == given


class Clock:
    """A monotonic clock that goes as told."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def kept(store: RequestStore, *identities: str) -> list[str]:
    """Those of them whose answers are remembered."""
    return [identity for identity in identities if store.find(identity, b"") is not None]


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
