"""Every named point at which a process may die, once.

Whatever happens: a request that was accepted ends in one terminal state, once; who sends it again
gets the same job; no version is seen that is not complete; what is retained is right.
"""

from __future__ import annotations

import pytest

from daemon import faults
from tests.reliability.scenes import (
    REQUEST_ID,
    MakeDaemon,
    check_single_end,
    fault,
    replies,
    send,
    wait_for_death,
)
from tests.scenario import KMEANS, TRAIN, train, train_path, wait_for_end
from tests.versions import half_written, visible_versions

#: Points that are passed by the message to itself first: the request is the second.
PASSAGE = {"intake.after_ack": 2}


@pytest.mark.parametrize("point", [point for point in faults.POINTS if not point.startswith("worker.")])
def test_the_daemon_is_killed_at(point: str, make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start(environment=fault(f"{point}:kill:{PASSAGE.get(point, 1)}"))
        send(client)
        wait_for_death(daemon)
        assert half_written(daemon.state_dir) == []
        daemon.start()
        # A controller that heard nothing sends again, and gets the same job.
        again = client.request("post", train_path(), TRAIN, request_id=REQUEST_ID)
        assert again.status == 200
        assert all(reply == again.body for reply in replies(client))
        job = wait_for_end(client, again.body["id"])
        assert job["state"] == "SUCCEEDED", job
        assert job["resumed"] == (point in {"job.started", "job.worker_done"})
        assert visible_versions(daemon.state_dir) == {(1, KMEANS): [1]}
        check_single_end(client, daemon, job)


@pytest.mark.parametrize("point", [point for point in faults.POINTS if point.startswith("worker.")])
def test_the_worker_is_killed_at(point: str, make_daemon: MakeDaemon) -> None:
    daemon = make_daemon()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        daemon.start(environment=fault(f"{point}:kill"))
        job = wait_for_end(client, train(client, request_id=REQUEST_ID))
        assert job["state"] == "FAILED"
        assert job["error"]["code"] == "worker_killed" and job["error"]["retryable"]
        stage = point.removeprefix("worker.")
        assert job["error"]["stage"] == {"spec_read": "prepare", "before_done": "export"}.get(stage, stage)
        check_single_end(client, daemon, job)
        daemon.kill()
        daemon.start()
        assert train(client, request_id=REQUEST_ID) == job["id"]
        check_single_end(client, daemon, job)
        assert visible_versions(daemon.state_dir) == {}
