"""Everything is killed at random moments while a controller goes on asking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaign import knobs
from tests.campaign.kills import Kills


def check(directory: Path, kills: int, record: Callable[[str, object], None]) -> None:
    run = Kills(directory, kills, knobs.SEED)
    run.run()
    record("killed", _list(run.killed))
    record("jobs accepted", _list(run.states))
    record("counted", ", ".join(f"{count} {name}" for name, count in run.figures.items()))
    assert not any(run.figures.values()), (run.figures, run.notes)
    assert run.notes == []


def test_a_few_random_kills_lose_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check(tmp_path, 4, record_property)


@pytest.mark.campaign
def test_nothing_is_lost_whatever_is_killed_at_random(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check(tmp_path, knobs.KILLS, record_property)


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
