"""The queue, with a runner that stands in for workers: it runs until it is told how to end."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.database import Database
from daemon.errors import Conflict, GateFailed, JobError, JobTimedOut, NotFound, QueueFull
from daemon.jobs.job import State
from daemon.jobs.queue import JobQueue
from daemon.jobs.store import JobStore
from daemon.state.reserve import Reserve
from daemon.wire.jobs import JobInfo, ProgressInfo
from daemon.wire.worker import Log, Progress
from tests.jobs.stand_in_runner import StandInRunner


class Listener:
    """Notes what an observer hears."""

    def __init__(self) -> None:
        self.changes: list[JobInfo] = []
        self.progress: list[ProgressInfo] = []
        self.lines: list[Log] = []
        self.forgotten: list[int] = []

    def job_changed(self, job: JobInfo) -> None:
        self.changes.append(job)

    def job_progressed(self, job_id: int, progress: ProgressInfo) -> None:
        self.progress.append(progress)

    def job_logged(self, job_id: int, line: Log) -> None:
        self.lines.append(line)

    def job_forgotten(self, job_id: int) -> None:
        self.forgotten.append(job_id)

    def states(self, job_id: int) -> list[str]:
        return [change.state for change in self.changes if change.id == job_id]


class Bench:
    """A queue on a database of its own, its stand-in runner, and an observer."""

    def __init__(self, database: Database, directory: Path, **options: Any) -> None:
        self.database = database
        self.store = JobStore(database)
        self.runner = StandInRunner()
        self.listener = Listener()
        self.queue = JobQueue(
            database, self.store, self.runner, reserve=Reserve(directory / "reserve"), **options
        )
        self.queue.observers.append(self.listener)

    def submit(self, learn_id: int = 7) -> int:
        with self.database.transaction():
            job = self.queue.submit(
                project_id=1,
                learn_id=learn_id,
                category="train-anomaly",
                key=f"anomaly-{learn_id}",
                request={},
                request_id=None,
            )
        self.queue.kick()
        return job.id

    def cancel(self, job_id: int) -> None:
        with self.database.transaction():
            self.queue.cancel(job_id)

    def state(self, job_id: int) -> State:
        return self.store.get(job_id).state

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
def bench(database: Database, tmp_path: Path) -> Callable[..., Bench]:
    return lambda **options: Bench(database, tmp_path, **options)


def run(bench: Bench, steps: Callable[[Bench], Awaitable[None]]) -> Bench:
    async def whole() -> None:
        bench.queue.recover()
        bench.queue.kick()
        await steps(bench)
        await bench.queue.stop()

    asyncio.run(whole())
    return bench


def test_a_job_runs_and_ends_once(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        job_id = bench.submit()
        await bench.settle()
        bench.runner.end(job_id, {"version": 1})
        await bench.settle()
        job = bench.store.get(job_id)
        assert job.finished_successful and job.result == {"version": 1} and job.error is None
        assert bench.listener.states(job_id) == ["QUEUED", "IN_PROGRESS", "SUCCEEDED"]
        assert [change.version for change in bench.listener.changes] == [1, 2, 3]
        assert bench.runner.published == [job_id]

    run(bench(), steps)


def test_one_job_at_a_time_in_the_order_of_their_arrival(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        jobs = [bench.submit(learn_id) for learn_id in (7, 8, 9)]
        for job_id in jobs:
            await bench.settle()
            assert list(bench.runner.running) == [job_id]
            bench.runner.end(job_id)
        await bench.settle()
        assert bench.runner.published == jobs

    run(bench(), steps)


def test_never_two_of_one_learn_block_at_once(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        first, second, other = bench.submit(7), bench.submit(7), bench.submit(8)
        await bench.settle()
        assert sorted(bench.runner.running) == [first, other]
        bench.runner.end(first)
        await bench.settle()
        assert sorted(bench.runner.running) == [second, other]
        assert all(len(set(blocks)) == len(blocks) for blocks in bench.runner.blocks_at_once)

    run(bench(concurrent=3), steps)


def test_a_queued_job_is_canceled_without_starting(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        first, second = bench.submit(), bench.submit()
        await bench.settle()
        bench.cancel(second)
        assert bench.state(second) is State.CANCELED
        bench.runner.end(first)
        await bench.settle()
        assert bench.listener.states(second) == ["QUEUED", "CANCELED"]
        with pytest.raises(Conflict, match="already ended"):
            bench.cancel(second)
        with pytest.raises(NotFound):
            bench.cancel(1)

    run(bench(), steps)


def test_a_running_job_is_canceled_in_its_own_time(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        job_id = bench.submit()
        await bench.settle()
        bench.cancel(job_id)
        bench.cancel(job_id)
        await bench.settle()
        job = bench.store.get(job_id)
        assert job.state is State.CANCELED and job.error is not None and job.error.code == "canceled"
        assert bench.runner.published == []

    run(bench(), steps)


@pytest.mark.parametrize(
    ("raised", "state", "code", "retryable"),
    [
        (GateFailed("strays", details={"agreement": 0.5}), State.FAILED, "gate_failed", False),
        (JobTimedOut("too long"), State.TIMED_OUT, "timed_out", False),
        (OSError(errno.ENOSPC, "no space"), State.FAILED, "disk_full", True),
        (OSError(errno.EMFILE, "too many files"), State.FAILED, "job_failed", True),
        (ValueError("a bug"), State.FAILED, "job_failed", False),
    ],
)
def test_every_error_ends_the_job_with_its_code(
    bench: Callable[..., Bench], raised: Exception, state: State, code: str, retryable: bool
) -> None:
    async def steps(bench: Bench) -> None:
        job_id = bench.submit()
        await bench.settle()
        bench.runner.hear[job_id](Progress("evaluate", 0.5))
        bench.runner.end(job_id, raised)
        await bench.settle()
        job = bench.store.get(job_id)
        assert job.state is state and job.error is not None
        assert (job.error.code, job.error.retryable) == (code, retryable)
        assert job.error.stage == "evaluate"
        if isinstance(raised, JobError):
            assert job.result == raised.details
        # The queue goes on.
        following = bench.submit()
        await bench.settle()
        assert following in bench.runner.running

    run(bench(), steps)


def test_artefacts_that_cannot_appear_fail_the_job(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        bench.runner.publish_error = OSError(errno.ENOSPC, "no space")
        job_id = bench.submit()
        await bench.settle()
        bench.runner.end(job_id)
        await bench.settle()
        job = bench.store.get(job_id)
        assert job.error is not None and job.error.code == "disk_full"

    run(bench(), steps)


def test_the_queue_refuses_more_than_it_may_hold(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        running = bench.submit()
        await bench.settle()
        bench.submit()
        bench.submit()
        with pytest.raises(QueueFull, match="2 jobs wait"):
            bench.submit()
        bench.runner.end(running)
        await bench.settle()
        bench.submit()

    run(bench(max_queued=2), steps)


def test_a_stopped_job_is_resumed_and_after_three_times_given_up(
    bench: Callable[..., Bench], database: Database, tmp_path: Path
) -> None:
    ids: list[int] = []

    async def begin(bench: Bench) -> None:
        ids.append(bench.submit())
        await bench.settle()
        assert ids[0] in bench.runner.running

    run(bench(), begin)

    async def again(bench: Bench) -> None:
        await bench.settle()
        assert ids[0] in bench.runner.running

    for resumed in (1, 2, 3):
        assert run(Bench(database, tmp_path), again).store.get(ids[0]).resumed == resumed

    async def last(bench: Bench) -> None:
        await bench.settle()
        job = bench.store.get(ids[0])
        assert job.state is State.FAILED and job.error is not None and job.error.code == "interrupted"
        assert bench.runner.running == {}

    run(Bench(database, tmp_path), last)


def test_an_interrupted_job_whose_version_had_appeared_has_succeeded(
    bench: Callable[..., Bench], database: Database, tmp_path: Path
) -> None:
    ids: list[int] = []

    async def begin(bench: Bench) -> None:
        ids.append(bench.submit())
        await bench.settle()

    run(bench(), begin)
    following = Bench(database, tmp_path)
    following.runner.appeared[ids[0]] = {"version": 1}

    async def check(bench: Bench) -> None:
        job = bench.store.get(ids[0])
        assert job.state is State.SUCCEEDED and job.result == {"version": 1} and job.resumed == 0

    run(following, check)


def test_a_job_that_was_to_be_canceled_is_not_resumed(
    bench: Callable[..., Bench], database: Database, tmp_path: Path
) -> None:
    ids: list[int] = []

    async def begin(bench: Bench) -> None:
        ids.append(bench.submit())
        await bench.settle()
        with bench.database.transaction():
            bench.store.request_cancel(bench.store.get(ids[0]))

    run(bench(), begin)

    async def check(bench: Bench) -> None:
        assert bench.state(ids[0]) is State.CANCELED

    run(Bench(database, tmp_path), check)


def test_nothing_starts_where_no_daemon_runs(bench: Callable[..., Bench]) -> None:
    """Commands work on the state directory without an event loop, beside jobs that wait for one."""
    idle = bench()
    job_id = idle.submit()
    assert idle.state(job_id) is State.QUEUED


def test_progress_rises_over_the_whole_job_and_lines_are_passed_on(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        job_id = bench.submit()
        await bench.settle()
        hear = bench.runner.hear[job_id]
        hear(Progress("prepare", 1.0))
        early = bench.queue.last_progress(job_id)
        hear(Progress("train", 0.5, metrics={"inertia": 1.0}))
        later = bench.queue.last_progress(job_id)
        hear(Progress("prepare", 0.0))
        hear(Log("warn", "a line"))
        assert early is not None and later is not None
        assert 0 < early.progress < later.progress < 1
        assert later.stage == "train" and later.metrics == {"inertia": 1.0}
        # A stage that begins anew does not take the bar back.
        job = bench.queue.info(bench.store.get(job_id))
        assert job.progress == later.progress
        assert bench.listener.lines == [Log("warn", "a line")]
        # At most one a second is passed on.
        assert len(bench.listener.progress) == 1
        assert bench.store.get(job_id).version == 2
        bench.runner.end(job_id)
        await bench.settle()
        assert bench.queue.info(bench.store.get(job_id)).progress == 1.0

    run(bench(), steps)


def test_the_end_of_a_job_waits_for_room_and_takes_the_reserve(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("daemon.jobs.queue._PAUSE_S", 0.0)

    async def steps(bench: Bench) -> None:
        job_id = bench.submit()
        await bench.settle()
        reserve = tmp_path / "reserve"
        assert reserve.stat().st_size >= 1024 * 1024
        pages = bench.database.connection.execute("PRAGMA page_count").fetchone()[0]
        bench.database.connection.execute(f"PRAGMA max_page_count = {pages}")
        bench.runner.end(job_id, {"text": "x" * 100_000})
        await bench.settle()
        assert bench.state(job_id) is State.IN_PROGRESS
        assert not reserve.exists()
        bench.database.connection.execute("PRAGMA max_page_count = 100000")
        await bench.settle()
        assert bench.state(job_id) is State.SUCCEEDED

    run(bench(), steps)


def test_a_job_that_was_cut_off_is_taken_up_again_as_soon_as_that_can_be_written(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.jobs.queue._PAUSE_S", 0.0)

    async def steps(bench: Bench) -> None:
        bench.runner.clean_up_error = RuntimeError("a mistake")
        job_id = bench.submit()
        await bench.settle()
        bench.database.connection.execute("PRAGMA query_only = ON")
        bench.runner.end(job_id)
        await bench.settle()
        assert bench.state(job_id) is State.IN_PROGRESS
        bench.database.connection.execute("PRAGMA query_only = OFF")
        await bench.settle()
        bench.runner.end(job_id)
        await bench.settle()
        assert (bench.state(job_id), bench.store.get(job_id).resumed) == (State.SUCCEEDED, 1)

    run(bench(), steps)


def test_what_has_appeared_counts_whatever_goes_wrong_after_it(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        job_id = bench.submit()
        await bench.settle()
        bench.runner.publish_error = OSError(errno.EIO, "the directory could not be flushed")
        bench.runner.appeared[job_id] = {"version": 1}
        bench.runner.end(job_id, {"version": 1})
        await bench.settle()
        job = bench.store.get(job_id)
        assert (job.state, job.result, job.error) == (State.SUCCEEDED, {"version": 1}, None)

    run(bench(), steps)


def test_ended_jobs_beyond_the_limit_are_forgotten(bench: Callable[..., Bench]) -> None:
    async def steps(bench: Bench) -> None:
        ids = [bench.submit() for _ in range(4)]
        for job_id in ids:
            await bench.settle()
            bench.runner.end(job_id)
        await bench.settle()
        assert bench.listener.forgotten == ids[:2]
        assert [job.id for job in bench.store.all()] == ids[2:]

    run(bench(keep=2), steps)


@pytest.mark.parametrize("appeared", [False, True])
def test_a_job_that_nobody_carries_on_is_picked_up(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, appeared: bool
) -> None:
    """It does not wait for the next start of the daemon."""
    monkeypatch.setattr("daemon.jobs.queue._PAUSE_S", 0.0)

    async def steps(bench: Bench) -> None:
        bench.runner.clean_up_error = RuntimeError("a mistake")
        job_id = bench.submit()
        await bench.settle()
        if appeared:
            bench.runner.appeared[job_id] = {"version": 1}
        bench.runner.end(job_id, {"version": 1})
        await bench.settle()
        if not appeared:
            assert bench.store.get(job_id).resumed == 1
            bench.runner.end(job_id, {"version": 1})
            await bench.settle()
        job = bench.store.get(job_id)
        assert (job.state, job.result) == (State.SUCCEEDED, {"version": 1})
        assert bench.listener.states(job_id).count("SUCCEEDED") == 1

    run(bench(), steps)
