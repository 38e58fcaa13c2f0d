"""Named points times who is struck times how, each with the outcome that is written down for it."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campaign.cases import Case, cases
from tests.campaign.strikes import Prepared, Strike, prepare
from tests.harness import Broker, Daemon

#: A small part of the cases: every point, everybody who is struck, every way.
SAMPLE = [
    case
    for case in cases()
    if (case.work == "train" and case.inside and case.action == "kill")
    or str(case)
    in {
        "train-intake.received-daemon-error",
        "train-intake.before_commit-daemon-full",
        "train-job.before_start-daemon-error",
        "train-job.worker_done-daemon-full",
        "train-job.before_finish-daemon-error",
        "train-worker.prepare-worker-error",
        "train-worker.export-worker-full",
        "train-worker.train-worker-hang",
        "train-worker.train-daemon-kill",
        "train-worker.export-daemon-full",
        "train-intake.after_commit-broker-kill",
        "train-worker.quantize-broker-full",
        "predict-job.promoted-daemon-error",
    }
]
EVERY = list(cases())


@pytest.fixture(scope="session")
def prepared(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(tmp_path_factory.mktemp("prepared"), broker.port)


@pytest.fixture
def strike(prepared: Prepared, tmp_path: Path) -> Callable[[Case], None]:
    def run(case: Case) -> None:
        folder = tmp_path / "broker"
        folder.mkdir()
        kept = ("persistence true", f"persistence_location {folder}/", "autosave_interval 1")
        settings = (f"user {getpass.getuser()}", *kept, "autosave_on_changes true")
        broker = Broker(folder, settings=settings).start()
        daemon = Daemon(tmp_path / "daemon", broker.port, device="struck")
        shutil.copytree(prepared.state, daemon.state_dir, symlinks=True)
        try:
            Strike(case, prepared, daemon, broker).run()
        finally:
            daemon.kill()
            broker.kill()

    return run


def test_there_are_enough_cases() -> None:
    assert len(EVERY) == len(set(EVERY)) >= 200


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_a_misfortune_has_its_outcome(case: Case, strike: Callable[[Case], None]) -> None:
    strike(case)


@pytest.mark.campaign
@pytest.mark.parametrize("case", EVERY, ids=str)
def test_every_misfortune_has_its_outcome(case: Case, strike: Callable[[Case], None]) -> None:
    strike(case)
