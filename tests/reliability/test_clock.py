"""A clock that jumps by years, as that of a gateway without a battery does."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.harness import wait_until
from tests.reliability.scenes import REQUEST_ID, MakeDaemon, fault, retained, stopped, worker_of
from tests.scenario import KMEANS, TRAIN, train, train_path, wait_for_end
from tests.versions import visible_versions

pytestmark = pytest.mark.misfortune


class WallClock:
    """What a process takes for the time, as it is told; the monotonic clock goes on as it does.

    Parameters
    ----------
    file : Path
        Where it is told.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set("+0")

    def set(self, offset: str) -> None:
        """Jump to so much before or after the real time: ``-30y``, ``+20y``."""
        self._file.write_text(offset)

    def environment(self) -> dict[str, str]:
        """What makes a process look at this clock."""
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def test_jumps_of_years_end_no_job_early_and_serve_no_request_twice(
    make_daemon: MakeDaemon, tmp_path: Path
) -> None:
    clock = WallClock(tmp_path / "clock")
    daemon = make_daemon(environment=clock.environment())
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")

        def again() -> int:
            """The first request once more: it must get the first job."""
            reply = client.request("post", train_path(), TRAIN, request_id=REQUEST_ID)
            return int(reply.body["id"])

        def end(job_id: int, jump: str | None = None) -> dict[str, Any]:
            """A job that has ended, with the clock set while its worker was at work."""
            worker = wait_until("the worker to wait", lambda: stopped(worker_of(daemon)))
            if jump is not None:
                clock.set(jump)
            os.kill(worker, signal.SIGCONT)
            return wait_for_end(client, job_id)

        # Never set since the power came on.
        clock.set("-30y")
        # Every worker waits when it begins to train: that is when the clock is set.
        daemon.start(environment=fault("worker.train:pause"))
        first = again()
        jobs = [end(first)]
        clock.set("+0")
        assert again() == first
        for number, jump in enumerate(("+20y", "-10y")):
            jobs.append(end(train(client, request_id=f"job {number}"), jump))
            assert again() == first
        daemon.kill()
        clock.set("-40y")
        daemon.start()
        assert again() == first
        years = [int(job["created"][:4]) for job in jobs]
        listed = client.request("get", "jobs").body["jobs"]
        assert [job["id"] for job in listed] == sorted((job["id"] for job in jobs), reverse=True)
        assert all(job["state"] == "SUCCEEDED" and job["resumed"] == 0 for job in jobs)
        assert max(years) - min(years) >= 29
        assert visible_versions(daemon.state_dir) == {(1, KMEANS): [1, 2, 3]}
        held = retained(daemon)
        assert all(held[f"jobs/{job['id']}/status"] == job for job in jobs)
