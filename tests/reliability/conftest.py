"""Daemons that have a project, each with a state directory of its own."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Broker, Daemon
from tests.reliability.scenes import MakeDaemon
from tests.scenario import set_up_project


@pytest.fixture(scope="session")
def prepared(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a project in it."""
    daemon = Daemon(tmp_path_factory.mktemp("prepared"), broker.port, device="prepared")
    daemon.start()
    with daemon.client() as client:
        set_up_project(client)
    daemon.stop()
    return daemon.state_dir


@pytest.fixture
def make_daemon(broker: Broker, prepared: Path, tmp_path: Path) -> Iterator[MakeDaemon]:
    """Make a daemon that has the project, not started yet."""
    made: list[Daemon] = []

    def make(port: int = broker.port, **options: Any) -> Daemon:
        daemon = Daemon(tmp_path / f"daemon-{len(made)}", port, device=f"d-{uuid.uuid4().hex[:8]}", **options)
        shutil.copytree(prepared, daemon.state_dir)
        made.append(daemon)
        return daemon

    yield make
    for daemon in made:
        daemon.kill()
