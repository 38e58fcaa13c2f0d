"""One daemon with a project for the tests that only send requests; who harms it starts another."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Broker, Client, Daemon, wait_until
from tests.mqtt.stand_in_broker import StandInBroker
from tests.scenario import set_up_project


@pytest.fixture(scope="session")
def served(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that is online and has project 1."""
    daemon = Daemon(tmp_path_factory.mktemp("served"), broker.port, device="served")
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_project(client)
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def client(served: Daemon) -> Iterator[Client]:
    """A client of that daemon."""
    with served.client() as connected:
        yield connected


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandInBroker]:
    """A daemon whose broker is the stand-in."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        daemon = Daemon(tmp_path, listener.getsockname()[1], device="stood-in", version=3)
        broker = StandInBroker(daemon, listener)
        try:
            daemon.start(wait=False)
            broker.accept(session_present=False)
            yield broker
        finally:
            broker.close()
            daemon.stop()


@pytest.fixture(scope="session", autouse=True)
def departed(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client that listens for the presence of a daemon that came back once and then stayed away.

    On MQTT 5 the broker waits half a minute before it tells: other tests use that time.
    """
    daemon = Daemon(tmp_path_factory.mktemp("departed"), broker.port, device="departed")
    with daemon.client() as client:
        client.subscribe(f"{client.root}/state")
        daemon.start()
        wait_until("the first online", lambda: len(client.seen) == 1)
        daemon.kill()
        daemon.start()
        wait_until("the second online", lambda: len(client.seen) == 2)
        daemon.kill()
        yield client
