"""``trainerd run``: becomes the daemon."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from daemon.cli.connection import read_config
from daemon.cli.options import config_option
from daemon.config import default_path

#: One arena for both threads, and freed memory goes back to the system: 4 MiB less after the first job.
_ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024),
    "MALLOC_MMAP_THRESHOLD_": str(64 * 1024),
}


@click.command("run")
@config_option
def command(config_path: Path | None) -> None:
    """Run the daemon in the foreground.

    The process is replaced by the daemon's own, which knows nothing of the command line: it lives for
    months and should hold no byte that it does not need.
    """
    read_config(config_path)
    # A folder named daemon in the working directory must not be taken for this one.
    os.environ["PYTHONSAFEPATH"] = "1"
    os.environ.update({name: value for name, value in _ALLOCATOR.items() if name not in os.environ})
    arguments = [sys.executable, "-m", "daemon.app", "--config", str(config_path or default_path())]
    os.execv(sys.executable, arguments)  # noqa: S606 - there is no shell to be had
