"""``trainerd deploy`` and ``targets``: models onto boards, and what the boards run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from daemon.cli.connection import connect, read_config
from daemon.cli.ends import CallWrong
from daemon.cli.jobs import tell_started
from daemon.cli.options import ID, config_option, json_option, print_json, print_table, short_time
from daemon.errors import DeployError


@click.command("deploy")
@click.argument("project", type=click.IntRange(min=0))
@click.argument("learn", type=ID)
@click.option("--target", required=True, metavar="NAME", help="A target, or a group of them.")
@click.option("--version", type=ID, metavar="VERSION", help="Which version; the current one where left out.")
@click.option("--watch", is_flag=True, help="Show progress until it ends.")
@config_option
@json_option
def deploy(
    project: int,
    learn: int,
    target: str,
    version: int | None,
    watch: bool,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Put the model of learn block LEARN of PROJECT onto boards, and have them prove that they run it."""
    body = {"target": target} if version is None else {"target": target, "version": version}
    daemon = connect(config_path)
    reply = daemon.post(f"api/{project}/jobs/deploy/{learn}", body)
    tell_started(daemon, project, int(reply["id"]), watch=watch, as_json=as_json)


@click.command("targets")
@click.option("--boards", is_flag=True, help="List the boards that a target may be, in place of the targets.")
@config_option
@json_option
def targets(boards: bool, config_path: Path | None, as_json: bool) -> None:
    """List the targets of the configuration, what each can do, and what it runs."""
    if boards:
        _list_boards(config_path, as_json=as_json)
        return
    status = connect(config_path, offline=True).get("status")
    found = [
        {**target, "state": status["targets"][target["name"]]} for target in status["capabilities"]["targets"]
    ]
    if as_json:
        print_json(found)
        return
    print_table(
        ("target", "board", "groups", "methods", "flasher", "runs", "version", "asked (UTC)"),
        [_row(target) for target in found],
    )


def _row(target: dict[str, Any]) -> tuple[object, ...]:
    state = target["state"]
    model = state.get("model")
    return (
        target["name"],
        target["board"],
        ", ".join(target["groups"]),
        ", ".join(target["methods"]) or target["reason"],
        target["flasher"],
        f"{model['projectId']}/{model['learnId']}" if model else state["reason"],
        model["version"] if model else None,
        short_time(state.get("asked")),
    )


def _list_boards(config_path: Path | None, *, as_json: bool) -> None:
    from daemon.deploy.targets import board_facts, known_boards

    try:
        known = known_boards(read_config(config_path))
    except DeployError as error:
        raise CallWrong(error.message) from None
    found = [board_facts(board) for board in known.values()]
    if as_json:
        print_json(found)
        return
    print_table(
        ("board", "core", "flash", "RAM", "slots", "flashers"),
        [
            (
                each["board"],
                each["core"],
                each["flashBytes"],
                each["ramBytes"],
                "yes" if each["slotBytes"] else "no",
                ", ".join(each["flashers"]),
            )
            for each in found
        ],
    )
