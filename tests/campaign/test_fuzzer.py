"""Odd requests by the thousand, in JSON and CBOR: each is answered, and none does harm."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaign import knobs
from tests.campaign.fuzzer import Fuzzer, through_broker


def check(requests: int, record: Callable[[str, object], None]) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        fuzzer = Fuzzer(Path(directory))
        fuzzer.run(requests, knobs.SEED)
    tell(fuzzer.answers, requests, record)


def check_through_broker(directory: Path, requests: int, record: Callable[[str, object], None]) -> None:
    tell(through_broker(directory, requests, knobs.SEED), requests, record)


def tell(answers: Counter[int], requests: int, record: Callable[[str, object], None]) -> None:
    record("answered", ", ".join(f"{count} x {status}" for status, count in sorted(answers.items())))
    # Most are refused; where none is served the others prove little.
    assert answers[200] > requests / 200


def test_odd_requests_are_answered_and_do_no_harm(record_property: Callable[[str, object], None]) -> None:
    check(4000, record_property)


def test_odd_requests_through_a_broker_are_answered_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check_through_broker(tmp_path, 300, record_property)


@pytest.mark.campaign
def test_odd_requests_by_the_million_are_answered_and_do_no_harm(
    record_property: Callable[[str, object], None],
) -> None:
    check(knobs.REQUESTS, record_property)


@pytest.mark.campaign
def test_odd_requests_by_the_thousand_through_a_broker_are_answered_once(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check_through_broker(tmp_path, knobs.BROKER_REQUESTS, record_property)
