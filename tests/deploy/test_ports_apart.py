"""The process that holds the ports as a unit runs it: apart from the daemon, with a socket of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.deploy.gateway import Gateway, deploy, gateway
from tests.harness import PATIENCE, Broker, Client, wait_until
from tests.scenario import wait_for_end


def state(client: Client) -> dict[str, Any]:
    """What is known of the board."""
    found: dict[str, Any] = client.request("get", "status").body["targets"]["press"]
    return found


def version(client: Client) -> Any:
    """The version that the board says it runs."""
    return state(client).get("model", {}).get("version")


@contextmanager
def ports_process(press: Gateway) -> Iterator[subprocess.Popen[bytes]]:
    """The process, with the daemon's configuration."""
    command = [sys.executable, "-m", "daemon.deploy.ports", "--config", str(press.daemon.config_file)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_the_daemon_finds_it_loses_it_and_finds_it_again(broker: Broker) -> None:
    with tempfile.TemporaryDirectory(prefix="ports-") as folder:
        config = f'[deploy]\nsocket = "{folder}/ports.sock"\nstate_dir = "{folder}/state"\n'
        with (
            gateway(broker, "ports-apart", config=config) as press,
            press.daemon.client() as client,
            press.board(),
        ):
            client.subscribe(f"{client.root}/jobs/#")
            # Nobody speaks for the board: the daemon has not started that process by itself.
            assert not state(client)["online"]
            (press.directory / "state" / "ports").rename(Path(folder) / "state")
            with ports_process(press):
                wait_until("the built-in model", lambda: version(client) == 1)
                assert wait_for_end(client, deploy(client))["state"] == "SUCCEEDED"
                wait_until("the deployed model", lambda: version(client) == 2)
            wait_until("nobody to speak for it", lambda: not state(client)["online"])
            with ports_process(press):
                wait_until("the board again", lambda: version(client) == 2)
