"""A tiny project, and what one does with it over MQTT."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.harness import Client

PROJECT = 1
KMEANS = 7
GMM = 8

#: Three separate groups of rows, 60 x 3, the same wherever they are made.
ROWS = [
    [
        round(10 * math.cos(2.1 * (number % 3)) + math.sin(3.7 * number), 4),
        round(10 * math.sin(2.1 * (number % 3)) + math.sin(5.3 * number + 1), 4),
        round(math.sin(7.9 * number + 2), 4),
    ]
    for number in range(60)
]

IMPULSE = {
    "inputBlocks": [{"id": 1, "type": "features", "name": "table", "title": "Table"}],
    "dspBlocks": [{"id": 2, "type": "raw", "name": "raw", "title": "Raw", "input": 1}],
    "learnBlocks": [
        {"id": KMEANS, "type": "anomaly", "name": "kmeans", "title": "K-means", "dsp": [2]},
        {"id": GMM, "type": "anomaly-gmm", "name": "gmm", "title": "GMM", "dsp": [2]},
    ],
}

TRAIN = {
    "axes": [0, 1, 2],
    "minimumConfidenceRating": 0.3,
    "clusterCount": 3,
    "skipEmbeddingsAndMemory": True,
}

TERMINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "CANCELED")


def acquisition(rows: list[Any] | None = None, **members: Any) -> dict[str, Any]:
    """An acquisition object of a feature table with the columns x, y and z."""
    return {
        "payload": {
            "device_type": "test",
            "interval_ms": 0,
            "sensors": [{"name": name, "units": "g"} for name in ("x", "y", "z")],
            "values": ROWS if rows is None else rows,
        },
        **members,
    }


def train_path(learn_id: int = KMEANS, project: int = PROJECT) -> str:
    """Path of the request that trains."""
    return f"api/{project}/jobs/train/anomaly/{learn_id}"


def set_up_project(client: Client, project: int = PROJECT) -> None:
    """Give a device the rows and the impulse."""
    for path, body in (
        (f"api/{project}/training/data", acquisition()),
        (f"api/{project}/impulse", IMPULSE),
    ):
        reply = client.request("post", path, body)
        assert reply.status == 200, reply.body


def train(client: Client, learn_id: int = KMEANS, project: int = PROJECT, **options: Any) -> int:
    """Start a training; returns the id of its job."""
    reply = client.request("post", train_path(learn_id, project), TRAIN, **options)
    assert reply.status == 200, reply.body
    return int(reply.body["id"])


def statuses(client: Client, job_id: int) -> Iterator[dict[str, Any]]:
    """Every status of a job that the client has seen; it must have subscribed to them."""
    for message in list(client.seen):
        if message.topic == f"{client.root}/jobs/{job_id}/status" and message.payload:
            yield json.loads(message.payload)


def wait_for_end(client: Client, job_id: int) -> dict[str, Any]:
    """The retained status of a job once it has ended."""

    def ended(message: paho.MQTTMessage) -> bool:
        return (
            message.topic == f"{client.root}/jobs/{job_id}/status"
            and bool(message.payload)
            and json.loads(message.payload)["state"] in TERMINAL
        )

    job: dict[str, Any] = json.loads(client.wait_for(f"the end of job {job_id}", ended).payload)
    return job


def properties(**members: object) -> Properties:
    """Properties of a publication, by name."""
    made = Properties(PacketTypes.PUBLISH)
    for name, value in members.items():
        setattr(made, name, value)
    return made


def carried(message: paho.MQTTMessage) -> Any:
    """The properties of a received message."""
    return message.properties


def user_properties(message: paho.MQTTMessage) -> dict[str, str]:
    """The user properties of a received message."""
    return dict(carried(message).UserProperty)
