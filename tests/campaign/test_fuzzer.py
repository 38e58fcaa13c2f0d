"""Odd requests by the thousand, in JSON and CBOR: each is answered, and none does harm."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaign import knobs
from tests.campaign.fuzzer import Fuzzer


def check(requests: int, record: Callable[[str, object], None]) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        fuzzer = Fuzzer(Path(directory))
        fuzzer.run(requests, knobs.SEED)
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(fuzzer.answers.items()))
    record("requests", f"{fuzzer.answers.total()}: {answers}")
    assert fuzzer.answers[200] > requests / 100


def test_odd_requests_are_answered_and_do_no_harm(record_property: Callable[[str, object], None]) -> None:
    check(4000, record_property)


@pytest.mark.campaign
def test_odd_requests_by_the_million_are_answered_and_do_no_harm(
    record_property: Callable[[str, object], None],
) -> None:
    check(knobs.REQUESTS, record_property)
