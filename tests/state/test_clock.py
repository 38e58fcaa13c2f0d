"""A clock that stands in 1970, runs ahead by decades, and comes back, under a daemon that goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from daemon.jobs.store import first_job_id
from tests.harness import Broker, Daemon
from tests.scenario import set_up_project, train, wait_for_end

(LIBRARY,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")


class Clock:
    """The daemon's clock, in the hands of the test.

    Parameters
    ----------
    directory : Path
        Where the file lies that the daemon's library reads at each call.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, year: int) -> None:
        """Let it be the second of January of a year, now; it goes on from there."""
        days = (datetime(year, 1, 2, tzinfo=timezone.utc) - datetime.now(timezone.utc)) / timedelta(days=1)
        new = self._file.with_suffix(".new")
        new.write_text(f"{days:+.6f}d\n")
        new.replace(self._file)


@pytest.fixture
def daemon(broker: Broker, tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path, broker.port, device=f"clock-{tmp_path.name[-20:]}")
    yield made
    made.stop()


def test_jumps_of_the_clock_repeat_no_job_and_forget_no_request(daemon: Daemon, tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    clock.set(1970)
    daemon.start(environment=clock.environment)
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        set_up_project(client)
        given: list[int] = []
        for year in (1970, 2062, 1970, 2026):
            clock.set(year)
            given.append(train(client, request_id=f"in {year}, {len(given)}"))
            job = client.request("get", f"api/1/jobs/{given[-1]}/status").body["job"]
            assert job["created"].startswith(str(year))
        assert given == sorted(set(given))
        assert wait_for_end(client, given[0])["state"] == "SUCCEEDED"
        # Each of them, sent again, is the same request, whatever year it is.
        for number, year in enumerate((1970, 2062, 1970, 2026)):
            assert train(client, request_id=f"in {year}, {number}") == given[number]
        assert daemon.stop() == 0
        clock.set(1970)
        daemon.start(environment=clock.environment)
        assert train(client, request_id="in 1970, 0") == given[0]
        assert train(client, request_id="new") == given[-1] + 1


def test_ids_are_new_even_where_neither_clock_nor_database_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    assert first_job_id(0) == 18_000_000_000
    assert first_job_id(18_000_000_500) == 18_000_000_501
    monkeypatch.setattr(time, "time", lambda: 600.0)
    ids = {first_job_id(0) for _ in range(20)}
    assert len(ids) > 10 and min(ids) > 1_767_225_600 * 10
    assert first_job_id(18_000_000_500) > 18_000_000_500
