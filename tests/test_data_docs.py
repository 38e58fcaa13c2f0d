"""The programs that docs/data.md and docs/mqtt-api.md show, run against a real daemon."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.harness import Broker, Daemon
from tests.scenario import acquisition, set_up_project

DOCS = Path(__file__).resolve().parents[1] / "docs"


def block(page: str, kind: str) -> str:
    """The one fenced block of a kind on a page."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_shown_program_signs_a_recording(broker: Broker, tmp_path: Path) -> None:
    (tmp_path / "project-1.key").write_text("a key of the project\n")
    config = f'[data.projects.1]\nkey_file = "{tmp_path / "project-1.key"}"\n'
    daemon = Daemon(tmp_path, broker.port, device="data-page", config=config)
    shown: dict[str, Any] = {}
    exec(block("data.md", "python sign"), shown)
    try:
        daemon.start()
        with daemon.client() as client:
            good = shown["sign"](acquisition()["payload"], "a key of the project")
            assert client.request("post", "api/1/training/data", good).status == 200
            other = shown["sign"](acquisition()["payload"], "another key")
            assert client.request("post", "api/1/training/data", other).status == 403
    finally:
        daemon.stop()


def test_the_shown_request_in_cbor_is_served(broker: Broker, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, broker.port, device="press-3")
    try:
        daemon.start()
        with daemon.client() as client:
            set_up_project(client)
            client.subscribe(f"{client.root}/jobs/#")
            script = block("mqtt-api.md", "python")
            exec(script.replace('hostname="127.0.0.1"', f'hostname="127.0.0.1", port={broker.port}'), {})
            client.wait_for("a job", lambda message: message.topic.endswith("/status"))
    finally:
        daemon.stop()
