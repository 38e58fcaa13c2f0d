"""A daemon on which every post must be signed, and the keys to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Broker, Client, Daemon
from tests.scenario import IMPULSE, PROJECT, acquisition
from tests.security.signer import Signer, keys_file

#: May sign everything that there is.
OPS = Signer("ops-1", ("train", "data", "deploy", "admin"))
#: May only deploy.
DEPLOYER = Signer("deployer", ("deploy",))
#: The daemon stays online beside others, which must not answer what is sent to its group.
GROUP = "guarded-line"


def guard(directory: Path, *signers: Signer, required: str = '["all"]', more: str = "") -> str:
    """Write a keys file, and return the configuration that asks for its signatures."""
    path = directory / "keys.toml"
    path.write_text(keys_file(*signers))
    return f'[auth]\nkeys_file = "{path}"\nrequired = {required}\n{more}'


def set_up_signed(client: Client) -> None:
    """Give a guarded device rows and an impulse."""
    for path, body in (
        (f"api/{PROJECT}/training/data", acquisition()),
        (f"api/{PROJECT}/impulse", IMPULSE),
    ):
        reply = client.request("post", path, OPS.sign(path, body, device=client.device))
        assert reply.status == 200, reply.body


@pytest.fixture(scope="session")
def guarded(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that is online and has project 1; for tests that only send requests."""
    directory = tmp_path_factory.mktemp("guarded")
    daemon = Daemon(
        directory, broker.port, device="guarded", group=GROUP, config=guard(directory, OPS, DEPLOYER)
    )
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_signed(client)
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def client(guarded: Daemon) -> Iterator[Client]:
    """A client of that daemon."""
    with guarded.client() as connected:
        yield connected
