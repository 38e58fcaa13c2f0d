"""What every demo plays on: a broker, a real daemon, a user of both, and the progress of jobs."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.connection import Daemon
from daemon.cli.ends import end_if_asked
from daemon.cli.jobs import TERMINAL
from daemon.cli.progress import Display

if TYPE_CHECKING:
    from daemon.cli.demo_client import DemoClient

PROJECT, DEVICE = 1, "demo"
#: Seconds that a process has to come up, or to end by itself.
_START_S, _STOP_S = 20.0, 5.0


@contextmanager
def stage(directory: Path, config: str = "") -> Iterator[DemoClient]:
    """Start everything; ends it again whatever happens.

    Parameters
    ----------
    directory : Path
        Where all of it is kept.
    config : str
        Further lines of the daemon's configuration.
    """
    from daemon.cli.demo_client import DemoClient

    with (
        _broker(directory) as port,
        _daemon(directory, port, config),
        DemoClient(port, f"trainerd/{DEVICE}", say) as user,
    ):
        _wait_online(user)
        say(f"broker on 127.0.0.1:{port}, daemon `{DEVICE}` online; everything is kept in {directory}")
        yield user


@contextmanager
def local_daemon(directory: Path) -> Iterator[Daemon]:
    """The daemon's local socket, as `trainerd import` uses it."""
    from daemon.local_api import LocalClient

    client = LocalClient(directory / "run" / "trainerd.sock")
    client.open()
    try:
        yield Daemon(client)
    finally:
        client.close()


def version_path(directory: Path, learn_id: int, version: int) -> Path:
    """The directory of a version."""
    return directory / "state" / "projects" / str(PROJECT) / "models" / str(learn_id) / str(version)


def watch(user: DemoClient, titles: dict[int, str]) -> dict[int, dict[str, Any]]:
    """Show what is published about the jobs until all have ended; the jobs as they ended."""
    jobs: dict[int, dict[str, Any]] = {job_id: {} for job_id in titles}
    width = max(map(len, titles.values()))
    displays = {job_id: Display(title.ljust(width)) for job_id, title in titles.items()}
    while any(job.get("state") not in TERMINAL for job in jobs.values()):
        message = user.next_message(600)
        end_if_asked()
        if message is None:
            raise RuntimeError("nothing was heard of the jobs for ten minutes")
        kind, _, rest = message[0].partition("/")
        number, _, leaf = rest.partition("/")
        if kind != "jobs" or not number.isdigit() or int(number) not in jobs:
            continue
        job, display = jobs[int(number)], displays[int(number)]
        ended = job.get("state") in TERMINAL
        job.update(message[1])
        if leaf == "status" and job["state"] in TERMINAL and not ended:
            display.end(job["state"])
        elif job.get("state") == "IN_PROGRESS":
            display.show(job)
    for job_id, job in jobs.items():
        displays[job_id].close()
        if job["state"] != "SUCCEEDED":
            raise RuntimeError(f"{titles[job_id]} ended {job['state']}: {job['error']['message']}")
    return jobs


def say(line: str) -> None:
    """Tell the person in front of the screen."""
    click.echo(line, err=True)


@contextmanager
def _broker(directory: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with _process(directory / "broker.log", "daemon.cli.demo_broker", str(port)) as process:
        deadline = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the embedded broker did not start") from None
                time.sleep(0.05)
        yield port


@contextmanager
def _daemon(directory: Path, port: int, more: str) -> Iterator[None]:
    config = directory / "trainerd.toml"
    for folder in ("state", "run"):
        (directory / folder).mkdir()
    config.write_text(
        f'state_dir = "{directory / "state"}"\nruntime_dir = "{directory / "run"}"\n\n'
        f'[device]\nid = "{DEVICE}"\n\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\nversion = 3\n{more}',
        encoding="utf-8",
    )
    with _process(directory / "daemon.log", "daemon.app", "--config", str(config)):
        yield


@contextmanager
def _process(log: Path, module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module as a process of its own, and end it whatever happens."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            # Ctrl-C is for this process alone: it ends the others in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _wait_online(user: DemoClient) -> None:
    deadline = time.monotonic() + _START_S
    while (left := deadline - time.monotonic()) > 0:
        message = user.next_message(left)
        if message is not None and message[0] == "state" and message[1]["state"] == "online":
            return
    raise RuntimeError("the daemon did not come online")
