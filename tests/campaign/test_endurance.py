"""Small jobs without end: the daemon stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaign import knobs
from tests.campaign.endurance import Endurance

#: Bytes by which the daemon's memory may grow from the warm-up to the last job.
GROWTH = 2 * 2**20


def check(directory: Path, marks: tuple[int, ...], record: Callable[[str, object], None]) -> None:
    run = Endurance(directory, marks)
    run.run()
    for seen in run.looks:
        record("after", str(seen))
    assert run.violations == []
    first, last = run.looks[0], run.looks[-1]
    assert run.ends == {"SUCCEEDED": last.jobs}
    assert (last.descriptors, last.threads) == (first.descriptors, first.threads)
    assert last.resident - first.resident <= GROWTH


def test_a_few_small_jobs_leave_the_daemon_as_it_was(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check(tmp_path, (3, 6), record_property)


@pytest.mark.campaign
def test_thousands_of_small_jobs_leave_the_daemon_as_it_was(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    steps = range(knobs.WARM_UP, knobs.JOBS, max(knobs.JOBS // 10, 1))
    check(tmp_path, (*steps, knobs.JOBS), record_property)
