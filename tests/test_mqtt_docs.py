"""The requests of docs/mqtt-api.md, sent in their order to a real daemon."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from tests.harness import Client, Daemon, wait_until

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "mqtt-api.md").read_text()
EXCHANGES = re.findall(
    r"^```mqtt\n(get|post) (\S+)\n(.*?)\n?---\n(\d+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)


def test_the_page_shows_exchanges() -> None:
    assert len(EXCHANGES) == PAGE.count("```mqtt")


def test_every_exchange_goes_as_it_is_shown(daemon: Daemon) -> None:
    with daemon.client() as client:
        for method, path, body, status, expected in EXCHANGES:
            reply = client.request(method, path, body.encode())
            assert reply.status == int(status), reply.body
            assert_shows(reply.body, json.loads(expected))
            if "jobs/train" in path and reply.status == 200:
                wait_until("the job to end", partial(has_ended, client, reply.body["id"]))


def has_ended(client: Client, job_id: int) -> bool:
    job = client.request("get", f"api/1/jobs/{job_id}/status").body["job"]
    assert job["error"] is None, job
    return job["finished"] is not None


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
