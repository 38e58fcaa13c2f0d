"""``trainerd check-config``: what is wrong with a configuration file, and on which line."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.ends import CallWrong
from daemon.config import default_path
from daemon.config_file import load
from daemon.deploy.targets import check_targets
from daemon.errors import ConfigError
from daemon.keys import read_keys


@click.command("check-config")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def command(file: Path | None) -> None:
    """Say all that is wrong in FILE, as file:line: what, one a line.

    Without FILE the file is checked that the daemon would read.
    """
    path = file or default_path()
    try:
        config = load(path)
        read_keys(config.auth)
        check_targets(path, config)
    except ConfigError as error:
        click.echo(error.message, err=True)
        raise CallWrong from None
    click.echo(f"{path}: good; device {config.device.id} on {config.mqtt.host}:{config.mqtt.port}")
