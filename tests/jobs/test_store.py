"""The job table: legal steps, compare-and-set, ids that never repeat."""

from __future__ import annotations

import itertools
import time

import pytest

from daemon.database import Database
from daemon.errors import Conflict, NotFound
from daemon.jobs.job import TRANSITIONS, Job, State
from daemon.jobs.store import JobStore

NOW = "2026-01-01T00:00:00.000Z"


def create(store: JobStore, project_id: int = 1) -> Job:
    return store.create(
        project_id=project_id,
        learn_id=7,
        category="train-anomaly",
        key="anomaly-7",
        request={"axes": [0]},
        request_id="r",
        now=NOW,
    )


def bring(store: JobStore, state: State) -> Job:
    """A job in that state, by legal steps."""
    job = create(store)
    if state is State.QUEUED:
        return job
    if state not in TRANSITIONS[State.QUEUED]:
        job = store.change(job, State.IN_PROGRESS, started=NOW)
    return store.change(job, state)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_only_legal_steps_are_taken(database: Database, before: State, after: State) -> None:
    store = JobStore(database)
    job = bring(store, before)
    if after in TRANSITIONS.get(before, ()):
        assert store.change(job, after).version == job.version + 1
        assert store.get(job.id).state is after
    else:
        with pytest.raises(Conflict, match=f"is {before.value} and cannot become {after.value}"):
            store.change(job, after)
        assert store.get(job.id) == job


def test_a_terminal_job_takes_no_further_step() -> None:
    assert {state for state in State if state.terminal} == {
        State.SUCCEEDED,
        State.FAILED,
        State.TIMED_OUT,
        State.REJECTED,
        State.CANCELED,
    }


def test_a_change_is_made_only_by_who_knows_the_present_version(database: Database) -> None:
    store = JobStore(database)
    known = create(store)
    store.change(known, State.IN_PROGRESS, started=NOW)
    with pytest.raises(Conflict, match="has changed meanwhile"):
        store.change(known, State.CANCELED)
    assert store.get(known.id).state is State.IN_PROGRESS


def test_a_request_to_cancel_is_seen_by_whoever_changes_the_job_next(database: Database) -> None:
    store = JobStore(database)
    running = bring(store, State.IN_PROGRESS)
    store.request_cancel(running)
    with pytest.raises(Conflict):
        store.change(running, State.SUCCEEDED)
    assert store.get(running.id).cancel_requested


def test_ids_rise_and_are_not_used_again(database: Database) -> None:
    store = JobStore(database)
    first, second = create(store), create(store)
    assert second.id == first.id + 1
    assert first.id == pytest.approx(time.time() * 10, abs=36_000)
    for job in (first, second):
        store.change(job, State.CANCELED)
    assert store.forget(keep=0) == [second.id, first.id]
    with pytest.raises(NotFound):
        store.get(second.id)
    assert create(store).id == second.id + 1


def test_forgetting_takes_the_oldest_ended_jobs_and_no_open_one(database: Database) -> None:
    store = JobStore(database)
    ended = [bring(store, State.FAILED) for _ in range(4)]
    waiting = create(store)
    assert store.forget(keep=2) == [ended[1].id, ended[0].id]
    assert [job.id for job in store.all()] == [ended[2].id, ended[3].id, waiting.id]


def test_listings_are_by_project_newest_first(database: Database) -> None:
    store = JobStore(database)
    jobs = [create(store, project_id) for project_id in (1, 2, 1, 1)]
    done = store.change(jobs[0], State.CANCELED)
    assert [job.id for job in store.of_project(1, False, 0, 10)] == [jobs[3].id, jobs[2].id]
    assert [job.id for job in store.of_project(1, False, 1, 10)] == [jobs[2].id]
    assert store.of_project(1, True, 0, 10) == [done]
    assert store.of_project(3, True, 0, 10) == []
    assert [job.id for job in store.of_project(1, None, 1, 2)] == [jobs[2].id, jobs[0].id]
