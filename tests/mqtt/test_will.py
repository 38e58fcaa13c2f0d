"""The will on MQTT 5, half a minute after a daemon died; last of these tests, so that they use that time."""

from __future__ import annotations

import json

from tests.harness import Client, wait_until


def test_a_short_break_goes_unnoticed_and_a_long_one_is_told(departed: Client) -> None:
    wait_until("offline", lambda: len(departed.seen) >= 3, patience=90)
    first, second, last = (json.loads(message.payload) for message in departed.seen)
    assert [first["state"], second["state"], last["state"]] == ["online", "online", "offline"]
    assert first["sessionId"] != second["sessionId"] == last["sessionId"]
    assert last == {**second, "state": "offline"}
