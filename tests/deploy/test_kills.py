"""Whatever is killed while a version goes onto a board: the job ends once, and the board runs it."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.gateway import Gateway, deploy, gateway
from tests.harness import PATIENCE, Broker, Client, wait_until
from tests.scenario import TERMINAL, statuses, wait_for_end

#: Points of the daemon, of its worker, and of the ports process, at which they are killed.
POINTS = ("job.started", "worker.flash", "ports.flash", "ports.verify", "job.before_finish")
MORE_POINTS = (
    "job.worker_done",
    "worker.build",
    "worker.verify",
    "worker.before_done",
    "ports.asked",
    "ports.before_done",
)
#: Operations on the board's flash at which its power fails: at an erasure, in the upload, at the switch.
OPERATIONS = (1, 3, 5)
#: The next deployment is of another version than the one before.
VERSIONS = itertools.cycle((2, 3))
#: In the environment of everything that belongs to the gateway.
MARK = ("GATEWAY_OF_TEST", uuid.uuid4().hex)


@pytest.fixture(scope="module")
def press(broker: Broker) -> Iterator[Gateway]:
    with gateway(broker, "press-kills", versions=3) as made:
        made.daemon.environment.update([MARK])
        yield made
        made.daemon.stop()
        wait_until("no process to be left", lambda: not left_over())


def left_over() -> list[str]:
    """Commands of processes with the mark."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if "=".join(MARK).encode() in environment.read_bytes():
                found.append((environment.parent / "cmdline").read_text())
        except OSError:
            continue
    return found


def ended_well(client: Client, job_id: int, version: int) -> None:
    """The job ends once and well, and the board says that it runs the version."""
    job = wait_for_end(client, job_id)
    assert job["state"] == "SUCCEEDED", job
    (told,) = job["result"]["targets"]
    assert told["vectors"] > 0
    assert len({each["version"] for each in statuses(client, job_id) if each["state"] in TERMINAL}) == 1

    def runs() -> bool:
        target = client.request("get", "status").body["targets"]["press"]
        return bool(target["online"]) and target["model"]["version"] == version

    wait_until(f"the board to run version {version}", runs)


def kill_at(press: Gateway, point: str, tmp_path: Path) -> None:
    """Deploy a version; the process that passes a point first is killed there."""
    daemon, struck, version = press.daemon, tmp_path / "struck", next(VERSIONS)
    daemon.stop()
    daemon.start(environment={"TRAINERD_FAULT": f"{point}:kill", "TRAINERD_FAULT_ONCE": str(struck)})
    with press.board(), daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        job_id = deploy(client, version)
        wait_until(f"the kill at {point}", struck.exists)
        if point.startswith("job."):
            assert daemon.process is not None
            daemon.process.wait(PATIENCE)
            daemon.start()
        ended_well(client, job_id, version)


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_costs_nothing(press: Gateway, point: str, tmp_path: Path) -> None:
    kill_at(press, point, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("point", MORE_POINTS)
def test_a_kill_costs_nothing_anywhere(press: Gateway, point: str, tmp_path: Path) -> None:
    kill_at(press, point, tmp_path)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_board_that_loses_power_is_updated_when_it_is_back(press: Gateway, operation: int) -> None:
    version = next(VERSIONS)
    press.daemon.stop()
    (press.directory / "flash").unlink(missing_ok=True)
    press.daemon.start()
    with press.daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        with press.board(fail=operation) as board:
            job_id = deploy(client, version)
            board.process.wait(PATIENCE)
        with press.board():
            ended_well(client, job_id, version)
