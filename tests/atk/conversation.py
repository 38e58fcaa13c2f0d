"""What one does with ATK's routes over MQTT."""

from __future__ import annotations

from typing import Any

from tests.harness import Client, Reply, wait_until

#: The example of ATK's documentation, and the two clusters that come out.
DATA = [2, 1, 7, 1, 9, 2, 0, 6, 5]
HIGH = {9, 6, 5, 7}

#: The seed in ATK's documentation.
SEED = 6435321150487585734


def ok(reply: Reply) -> Any:
    """The body of a reply that is no refusal."""
    assert reply.status == 200, reply.body
    return reply.body


def refusal(reply: Reply, status: int) -> str:
    """The sentence of a refusal."""
    assert reply.status == status, reply.body
    assert set(reply.body) == {"error"}
    return str(reply.body["error"]["message"])


def make_frame(client: Client, rows: list[list[float]] | None = None, width: int = 1) -> int:
    """A frame with the columns `data`, `data_1`, ...; returns its id."""
    names = ["data", *(f"data_{number}" for number in range(1, width))]
    body = {
        "name": "readings",
        "schema": [[name, "float64"] for name in names],
        "rows": [[value] for value in DATA] if rows is None else rows,
    }
    return int(ok(client.request("post", "v1/frames", body))["id"])


def make_model(client: Client, kind: str, **arguments: Any) -> int:
    """A model by `model:<kind>/new`; returns its id."""
    body = {"name": f"model:{kind}/new", "arguments": arguments}
    command = ok(client.request("post", "v1/commands", body))
    assert command["complete"] is True
    return int(command["result"]["id"])


def train_body(kind: str, model: Any, frame: Any, **arguments: Any) -> dict[str, Any]:
    """The body that trains on the first column."""
    given = {
        "model": model,
        "frame": frame,
        "observation_columns": ["data"],
        "column_scalings": [1.0],
        **arguments,
    }
    return {"name": f"model:{kind}/train", "arguments": given}


def run(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Post a command and poll it, as ATK's client does, until it is complete."""
    command = ok(client.request("post", "v1/commands", body))
    return wait_for(client, command["id"])


def wait_for(client: Client, command_id: int) -> dict[str, Any]:
    """A command once it is complete."""

    def completed() -> dict[str, Any] | None:
        command: dict[str, Any] = ok(client.request("get", f"v1/commands/{command_id}"))
        return command if command["complete"] else None

    found: dict[str, Any] = wait_until(f"command {command_id} to complete", completed)
    return found


def result(command: dict[str, Any]) -> dict[str, Any]:
    """The result of a command that has succeeded."""
    assert "error" not in command, command
    told: dict[str, Any] = command["result"]
    return told
