"""What docs/deploy.md shows, done word for word with a gateway and its board."""

from __future__ import annotations

from typing import Any

from tests.deploy.gateway import gateway
from tests.harness import Broker, Client, wait_until
from tests.test_docs import blocks, shell


def test_the_commands_of_the_page_work_in_their_order(broker: Broker) -> None:
    deploying, rolling_back = blocks("docs/deploy.md", "sh")
    with gateway(broker, "deploy-page") as press, press.daemon.client() as client, press.board():
        home = press.daemon.directory / "trainerd"
        home.mkdir()
        (home / "trainerd.toml").write_text(press.daemon.config_file.read_text())
        wait_until("the built-in model", lambda: version(client) == 1)
        shown = shell(press.daemon, deploying)
        assert "mps2-an386" in shown and "SUCCEEDED" in shown
        wait_until("the deployed model", lambda: version(client) == 2)
        assert "press follows: job" in shell(press.daemon, rolling_back)
        wait_until("the earlier model", lambda: version(client) == 1)


def version(client: Client) -> Any:
    """The version that the board says it runs."""
    return client.request("get", "status").body["targets"]["press"].get("model", {}).get("version")
