"""``trainerd models`` and ``rollback``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from daemon.cli.connection import connect
from daemon.cli.ends import WorkFailed
from daemon.cli.jobs import watch_to_end
from daemon.cli.options import ID, config_option, json_option, print_json, print_table, short_time
from daemon.wire.atk import PROJECT as ATK_PROJECT


@click.command()
@click.argument("project", type=click.IntRange(min=0))
@click.argument("learn", required=False, type=ID)
@config_option
@json_option
def models(project: int, learn: int | None, config_path: Path | None, as_json: bool) -> None:
    """List the current models of PROJECT, or all versions of its learn block LEARN."""
    daemon = connect(config_path, offline=True)
    if learn is None:
        found = [model for model in daemon.get("status")["models"] if model["projectId"] == project]
        if not found and project != ATK_PROJECT:
            # Let the daemon refuse a project that it does not know.
            daemon.get(f"api/{project}")
        current = {model["learnId"]: model["version"] for model in found}
    else:
        answer = daemon.get(f"api/{project}/models/{learn}")
        found, current = answer["versions"], {learn: answer["current"]}
    if as_json:
        print_json(found)
        return
    print_table(
        ("learn", "version", "", "name", "type", "threshold", "ROC-AUC float", "int8", "created (UTC)"),
        [_row(model, current.get(model["learnId"]) == model["version"]) for model in found],
    )


@click.command()
@click.argument("project", type=click.IntRange(min=0))
@click.argument("learn", type=ID)
@click.argument("version", required=False, type=ID)
@click.option("--watch", is_flag=True, help="Show how the boards follow, until they have.")
@config_option
@json_option
def rollback(
    project: int, learn: int, version: int | None, watch: bool, config_path: Path | None, as_json: bool
) -> None:
    """Put an earlier version of a model back in use; the one before the current where VERSION is left out.

    Boards that run the model get that version, too.
    """
    body = {} if version is None else {"version": version}
    daemon = connect(config_path)
    reply = daemon.post(f"api/{project}/models/{learn}/rollback", body)
    model, followers = reply["model"], dict(zip(reply["targets"], reply["deployJobs"], strict=True))
    if as_json:
        print_json({**model, "deployJobs": followers})
    else:
        click.echo(f"project {project}, learn block {learn}: version {model['version']} is in use")
        for target, job_id in followers.items():
            click.echo(f"{target} follows: job {job_id}")
    if watch:
        ended = [watch_to_end(daemon, project, job_id, target) for target, job_id in followers.items()]
        if any(job["state"] != "SUCCEEDED" for job in ended):
            raise WorkFailed


def _row(model: dict[str, Any], current: bool) -> tuple[object, ...]:
    metrics = model["metrics"]
    return (
        model["learnId"],
        model["version"],
        "current" if current else "",
        model["name"],
        model["type"],
        round(model["threshold"], 4),
        _auc(metrics["float64"]),
        _auc(metrics["int8"]),
        short_time(model["created"]),
    )


def _auc(figures: dict[str, float]) -> float | None:
    """On labelled rows; nothing where there are none."""
    return round(figures["rocAuc"], 4) if "rocAuc" in figures else None
