"""The requests of the pages about MQTT, sent in their order to a real daemon."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Client, Daemon, wait_until

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = ("mqtt-api.md", "data.md", "atk.md")
EXCHANGE = re.compile(r"^```mqtt\n(get|post) (\S+)\n(.*?)\n?---\n(\d+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_exchanges(page: str) -> None:
    text = (DOCS / page).read_text()
    assert len(EXCHANGE.findall(text)) == text.count("```mqtt") > 0


@pytest.mark.parametrize("page", PAGES)
def test_every_exchange_goes_as_it_is_shown(daemon: Daemon, page: str) -> None:
    command = ""
    with daemon.client() as client:
        for method, path, body, status, expected in EXCHANGE.findall((DOCS / page).read_text()):
            reply = client.request(method, path.replace("<command>", command), body.encode())
            assert reply.status == int(status), reply.body
            assert_shows(reply.body, json.loads(expected))
            if "jobs/train" in path and reply.status == 200:
                wait_for_end(client, 1, reply.body["id"])
            for job in reply.body.get("jobs", []):
                wait_for_end(client, 1, job["id"])
            if reply.body.get("complete") is False:
                command = str(reply.body["id"])
                wait_for_end(client, 0, reply.body["id"])


def wait_for_end(client: Client, project: int, job_id: int) -> None:
    def has_ended() -> bool:
        job = client.request("get", f"api/{project}/jobs/{job_id}/status").body["job"]
        assert job["error"] is None, job
        return job["finished"] is not None

    wait_until("the job to end", has_ended)


def assert_shows(given: Any, shown: Any) -> None:
    """What is shown is there; ``"<...>"`` stands for anything, and not every member is shown."""
    if isinstance(shown, str) and shown.startswith("<"):
        return
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert_shows(given[name], value)
    elif isinstance(shown, list):
        assert len(given) == len(shown)
        for one, other in zip(given, shown, strict=True):
            assert_shows(one, other)
    else:
        assert given == shown
