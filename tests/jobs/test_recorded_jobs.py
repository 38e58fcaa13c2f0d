"""Work that is done as it is asked for: kept and told as a job that has succeeded."""

from __future__ import annotations

import asyncio
from pathlib import Path

from daemon.database import Database
from daemon.jobs.job import State
from tests.jobs.test_queue import Bench


def test_it_ends_with_its_result_and_no_runner_hears_of_it(database: Database, tmp_path: Path) -> None:
    async def steps() -> None:
        bench = Bench(database, tmp_path)
        with database.transaction():
            job = bench.queue.record(
                project_id=0,
                learn_id=3,
                category="atk-model",
                key="model:gmm/new",
                request={},
                request_id="r",
                result={"id": 3},
            )
        assert bench.store.get(job.id) == job
        assert (job.state, job.result, job.finished_successful) == (State.SUCCEEDED, {"id": 3}, True)
        assert job.started is not None
        assert bench.listener.states(job.id) == ["SUCCEEDED"]
        assert bench.runner.published == []

    asyncio.run(steps())
