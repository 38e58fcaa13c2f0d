"""``trainerd projects``, ``samples`` and ``delete``: what is stored, and how it goes away."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.connection import connect
from daemon.cli.ends import CallWrong
from daemon.cli.importing import CATEGORIES
from daemon.cli.options import ID, config_option, json_option, print_json, print_table, short_time

#: Most samples that one request lists.
_PAGE = 1000


@click.command()
@config_option
@json_option
def projects(config_path: Path | None, as_json: bool) -> None:
    """List the projects, and what they hold."""
    found = connect(config_path, offline=True).get("api/projects", {"limit": _PAGE})["projects"]
    if as_json:
        print_json(found)
        return
    print_table(
        ("project", *(f"{category} rows" for category in CATEGORIES), "MiB", "of", "created (UTC)"),
        [
            (
                project["id"],
                *(project["dataSummary"][category]["rows"] for category in CATEGORIES),
                round(project["bytes"] / 2**20, 2),
                None if project["maxBytes"] is None else project["maxBytes"] // 2**20,
                short_time(project["created"]),
            )
            for project in found
        ],
    )


@click.command()
@click.argument("project", type=ID)
@click.option("--category", type=click.Choice(CATEGORIES), default="training", show_default=True)
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Samples to leave out at the start.")
@click.option("--limit", type=click.IntRange(1, _PAGE), default=100, show_default=True, help="Most samples.")
@config_option
@json_option
def samples(
    project: int, category: str, offset: int, limit: int, config_path: Path | None, as_json: bool
) -> None:
    """List the samples of PROJECT, oldest first."""
    daemon = connect(config_path, offline=True)
    daemon.get(f"api/{project}")
    body = {"category": category, "offset": offset, "limit": limit}
    answer = daemon.get(f"api/{project}/raw-data", body)
    if as_json:
        print_json(answer["samples"])
        return
    print_table(
        ("sample", "label", "name", "values", "signed", "added (UTC)"),
        [
            (
                sample["id"],
                sample["label"],
                sample["filename"],
                sample["valuesCount"],
                _signed(sample["signatureMethod"], sample["signatureValidate"]),
                short_time(sample["added"]),
            )
            for sample in answer["samples"]
        ],
    )
    shown = offset + len(answer["samples"])
    if shown < answer["totalCount"]:
        click.echo(f"{answer['totalCount'] - shown} more: --offset {shown}", err=True)


@click.command()
@click.argument("project", type=ID)
@click.argument("sample", nargs=-1, type=ID)
@click.option("--category", type=click.Choice(CATEGORIES), help="All samples of a category instead.")
@click.option("--everything", is_flag=True, help="The project instead, with its model versions.")
@config_option
def delete(
    project: int, sample: tuple[int, ...], category: str | None, everything: bool, config_path: Path | None
) -> None:
    """Delete samples of PROJECT, or all of a category, or the project."""
    if [bool(sample), category is not None, everything].count(True) != 1:
        raise CallWrong("name samples, or --category, or --everything: one of them")
    daemon = connect(config_path)
    for number in sample:
        daemon.post(f"api/{project}/raw-data/{number}/delete", {})
        click.echo(f"sample {number} is deleted")
    if category is not None:
        daemon.post(f"api/{project}/raw-data/delete-all/{category}", {})
        click.echo(f"project {project} holds no {category} data any more")
    if everything:
        daemon.post(f"api/{project}/delete", {})
        click.echo(f"project {project} is deleted")


def _signed(method: str | None, valid: bool) -> str | None:
    return None if method is None else "valid" if valid else "unchecked"
