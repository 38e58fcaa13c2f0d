"""``trainerd train``: start a training, and watch it where wanted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from daemon.cli.connection import Daemon, connect
from daemon.cli.ends import CallWrong
from daemon.cli.jobs import tell_started
from daemon.cli.options import ID, config_option, json_option


@click.group("train")
def command() -> None:
    """Train a learn block."""


@command.command()
@click.argument("project", type=ID)
@click.argument("learn", type=ID)
@click.option("--body", "body_file", metavar="FILE|-", help="The request as JSON; - reads standard input.")
@click.option("--watch", is_flag=True, help="Show progress until it ends.")
@config_option
@json_option
def anomaly(
    project: int, learn: int, body_file: str | None, watch: bool, config_path: Path | None, as_json: bool
) -> None:
    """Train the K-means or GMM of learn block LEARN of PROJECT.

    The body is Edge Impulse's StartTrainingRequestAnomaly; without one, the settings of the learn block
    are used.
    """
    given = _read_body(body_file) if body_file is not None else None
    daemon = connect(config_path)
    body = given if given is not None else _stored_request(daemon, project, learn)
    reply = daemon.post(f"api/{project}/jobs/train/anomaly/{learn}", body)
    tell_started(daemon, project, int(reply["id"]), watch=watch, as_json=as_json)


@command.command()
@click.argument("project", type=ID)
@click.argument("learn", type=ID)
@click.option("--body", "body_file", metavar="FILE|-", help="The request as JSON; - reads standard input.")
@click.option("--watch", is_flag=True, help="Show progress until it ends.")
@config_option
@json_option
def keras(
    project: int, learn: int, body_file: str | None, watch: bool, config_path: Path | None, as_json: bool
) -> None:
    """Train the network of learn block LEARN of PROJECT.

    The body is Edge Impulse's SetKerasParameterRequest; what it leaves out is as stored with the learn
    block.
    """
    body = _read_body(body_file) if body_file is not None else {}
    daemon = connect(config_path)
    reply = daemon.post(f"api/{project}/jobs/train/keras/{learn}", body)
    for member, why in reply.get("ignored", {}).items():
        click.echo(f"{member} has no effect: {why}", err=True)
    tell_started(daemon, project, int(reply["id"]), watch=watch, as_json=as_json)


def _read_body(name: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        body = json.loads(text)
    except (OSError, ValueError) as error:
        raise CallWrong(f"{name}: {error}") from None
    if not isinstance(body, dict):
        raise CallWrong(f"{name}: not a JSON object")
    return body


def _stored_request(daemon: Daemon, project: int, learn: int) -> dict[str, Any]:
    """A request that leaves thresholds and clusters to what is stored, else to the daemon's suggestion.

    The settings are answered with defaults filled in: sent as they are, these would count as chosen.
    """
    settings = daemon.get(f"api/{project}/training/anomaly/{learn}")
    axes = settings["axes"]
    chosen = [index for index, axis in enumerate(axes) if axis.get("selected")] or list(range(len(axes)))
    return {"axes": chosen, "minimumConfidenceRating": settings["minimumConfidenceRating"]}
