"""A project of networks: scikit-learn's digits and wine as they come over MQTT."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import load_digits, load_wine

from tests.harness import Client

DIGITS, WINE = 1, 2
CLASSIFIER, REGRESSION, TRANSFER, KMEANS = 9, 10, 11, 7

IMPULSE = {
    "inputBlocks": [{"id": 1, "type": "features", "name": "table", "title": "Table"}],
    "dspBlocks": [{"id": 2, "type": "raw", "name": "raw", "title": "Raw", "input": 1}],
    "learnBlocks": [
        {"id": KMEANS, "type": "anomaly", "name": "kmeans", "dsp": [2]},
        {"id": CLASSIFIER, "type": "keras", "name": "digits", "title": "Digits", "dsp": [2]},
        {"id": REGRESSION, "type": "keras-regression", "name": "reading", "dsp": [2]},
        {"id": TRANSFER, "type": "keras-transfer-image", "name": "pictures", "dsp": [2]},
    ],
}


def train_path(learn_id: int = CLASSIFIER, project: int = DIGITS) -> str:
    """Path of the request that trains."""
    return f"api/{project}/jobs/train/keras/{learn_id}"


def config_path(learn_id: int = CLASSIFIER, project: int = DIGITS) -> str:
    """Path of the settings."""
    return f"api/{project}/training/keras/{learn_id}"


def table(values: Any, labels: list[str] | None, **members: Any) -> dict[str, Any]:
    """Rows of a feature table as an acquisition object."""
    rows = [[float(cell) for cell in row] for row in values]
    body: dict[str, Any] = {
        "payload": {
            "device_type": "test",
            "interval_ms": 0,
            "sensors": [{"name": f"c{number}"} for number in range(len(rows[0]))],
            "values": rows,
        },
        **members,
    }
    if labels is not None:
        body["labels"] = labels
    return body


def digits(rows: int = 300) -> dict[str, Any]:
    """Digits of 8 x 8 pixels, 0 to 16, each with its name as label."""
    data = load_digits()
    return table(data.data[:rows], [str(label) for label in data.target[:rows]])


def wine() -> dict[str, Any]:
    """178 wines of three growers."""
    data = load_wine()
    return table(data.data, [str(data.target_names[label]) for label in data.target])


def send(client: Client, path: str, body: Any) -> Any:
    """A request that must succeed."""
    reply = client.request("post", path, body)
    assert reply.status == 200, reply.body
    return reply.body


def set_up(client: Client, project: int, *acquisitions: dict[str, Any]) -> None:
    """Give a project its impulse and its training rows."""
    send(client, f"api/{project}/impulse", IMPULSE)
    for acquisition in acquisitions:
        send(client, f"api/{project}/training/data", acquisition)
