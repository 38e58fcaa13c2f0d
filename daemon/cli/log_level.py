"""``trainerd log-level``: how much the daemon logs, while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from daemon.cli.connection import connect
from daemon.cli.options import config_option
from daemon.wire.logs import LogLevel


@click.command("log-level")
@click.argument("level", required=False, type=click.Choice(get_args(LogLevel)))
@config_option
def command(level: str | None, config_path: Path | None) -> None:
    """Set how much the daemon logs until it ends, or say it where LEVEL is left out."""
    daemon = connect(config_path)
    answer = daemon.get("log-level") if level is None else daemon.post("log-level", {"level": level})
    click.echo(answer["level"])
