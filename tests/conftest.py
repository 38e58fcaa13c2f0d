"""Fixtures that every test may use: a real broker and a real daemon."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Broker, Daemon

# In a container without /sys joblib warns that it cannot count the cores; workers are told their number.
os.environ.setdefault("LOKY_MAX_CPU_COUNT", str(os.cpu_count()))


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One Mosquitto for the whole run; a test that harms its broker starts its own."""
    server = Broker(tmp_path_factory.mktemp("broker"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def daemon(broker: Broker, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon of its own for this test, online, under a device id that nobody else uses."""
    served = Daemon(tmp_path, broker.port, device=f"device-{tmp_path.name[-40:]}".replace(".", "-"))
    try:
        yield served.start()
    finally:
        served.stop()
