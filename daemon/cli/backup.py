"""``trainerd backup`` and ``restore``: the state directory as one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.connection import read_config
from daemon.cli.ends import CallWrong, WorkFailed
from daemon.cli.options import config_option, json_option, print_json
from daemon.errors import ArchiveInvalid, StateError


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@json_option
def backup(file: Path, config_path: Path | None, as_json: bool) -> None:
    """Copy everything that the daemon keeps to FILE, while it runs or not.

    FILE appears when it is complete and has been read back; one that is there already is left alone.
    """
    from daemon.state.archive import write_archive

    config = read_config(config_path)
    if file.exists():
        raise CallWrong(f"{file} is there already: name another file")
    try:
        made = write_archive(config.state_path, file, config.device.id)
    except (StateError, OSError) as error:
        raise WorkFailed(f"no backup was made: {error}") from None
    if as_json:
        print_json({"file": str(made.path), "size": made.size, "sha256": made.sha256})
    else:
        click.echo(f"{made.sha256}  {made.path}")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace what is in the state directory.")
@config_option
def restore(file: Path, replace: bool, config_path: Path | None) -> None:
    """Put the backup FILE back into the state directory; the daemon must not run.

    The whole file is checked first. Power may fail at any time: either all is as before, or the next start
    of the daemon finishes.
    """
    from daemon.state.restoring import restore as put_back

    config = read_config(config_path)
    try:
        contents = put_back(file, config.state_path, replace=replace)
    except FileNotFoundError as error:
        raise CallWrong(f"nothing was restored: {error}") from None
    except ArchiveInvalid as error:
        raise CallWrong(f"nothing was restored: {error.message}") from None
    except (StateError, OSError) as error:
        raise WorkFailed(f"nothing was restored: {error}") from None
    click.echo(
        f"{config.state_path} is as device {contents.device} had it at {contents.created}: "
        f"{len(contents.links)} models in use, {len(contents.files)} files"
    )
