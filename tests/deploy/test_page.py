"""What docs/deploy.md shows, done word for word with a gateway and its board."""

from __future__ import annotations

import contextlib
import re
import shlex
import socket
import subprocess
from functools import partial
from typing import Any

from tests.deploy.gateway import gateway
from tests.harness import Broker, Client, free_port, wait_until
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


def test_the_emulated_board_of_the_page_listens_where_its_target_says() -> None:
    target = next(text for text in blocks("docs/deploy.md", "toml") if "socket://" in text)
    shown = next(text for text in blocks("docs/deploy.md", "") if text.startswith("qemu-system-arm"))
    for said in re.findall(r"127\.0\.0\.1:(\d+)", target):
        port = str(free_port())
        assert said in shown
        shown, target = shown.replace(said, port), target.replace(said, port)
    with subprocess.Popen(shlex.split(shown)) as board:
        try:
            for port in re.findall(r"127\.0\.0\.1:(\d+)", target):
                wait_until(f"the board on port {port}", partial(_listens, int(port)))
        finally:
            board.kill()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
