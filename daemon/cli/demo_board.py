"""``trainerd demo --deploy``: a model onto an emulated board, a newer one into its slot, and back."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.demo_stage import PROJECT, say, stage, watch
from daemon.cli.ends import WorkFailed
from daemon.cli.options import print_json, print_table

if TYPE_CHECKING:
    from daemon.cli.demo_client import DemoClient

_BOARD, _TARGET = "mps2-an386", "press"
#: Programs that it takes beside the daemon: what emulates the board, builds its firmware, and flashes it.
_PROGRAMS = {
    "qemu-system-arm": "qemu-system-arm",
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "gdb-multiarch": "gdb-multiarch",
}


def play(directory: Path, train: Callable[[DemoClient], float], learn_id: int) -> list[dict[str, Any]]:
    """Everything between the first process and the table.

    Parameters
    ----------
    directory : Path
        Where all of it is kept.
    train : callable
        Has the learn block trained; returns the threshold of the model.
    learn_id : int
        Which one that is.
    """
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise WorkFailed(f"no board can be emulated here: apt-get install {' '.join(missing)}")
    with ExitStack() as stack:
        config = stack.enter_context(_board())
        user = stack.enter_context(stage(directory, config))
        threshold = train(user)
        say(f"the board is an emulated {_BOARD}, with nothing in its flash; gdb flashes it")
        told = [_deploy(user, learn_id, "an empty board")]
        change = {"blockId": learn_id, "key": "min_anomaly_score", "value": 0.9 * threshold}
        (job,) = user.post(f"api/{PROJECT}/impulse/1/set-thresholds", {"thresholds": [change]})["jobs"]
        watch(user, {job["id"]: "another threshold"})
        told.append(_deploy(user, learn_id, "a newer version"))
        (job_id,) = user.post(f"api/{PROJECT}/models/{learn_id}/rollback", {})["deployJobs"]
        told.append(_result(user, job_id, "back to the first"))
        return told


def print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print the table."""
    if as_json:
        print_json(rows)
        return
    click.echo()
    print_table(
        ("what", "version", "way", "bytes", "seconds on the board", "test vectors equal"),
        [
            (
                row["what"],
                row["version"],
                row["method"],
                row["bytes"],
                round(row["seconds"], 2),
                row["vectors"],
            )
            for row in rows
        ],
    )


def _deploy(user: DemoClient, learn_id: int, what: str) -> dict[str, Any]:
    asked = user.post(f"api/{PROJECT}/jobs/deploy/{learn_id}", {"target": _TARGET})
    return _result(user, asked["id"], what)


def _result(user: DemoClient, job_id: int, what: str) -> dict[str, Any]:
    """The row of a deployment, once it has ended."""
    result = watch(user, {job_id: what})[job_id]["result"]
    (board,) = result["targets"]
    return {"what": what, "version": result["version"], **board}


@contextmanager
def _board() -> Iterator[str]:
    """An emulated board that waits for firmware; the target's part of a configuration."""
    with socket.create_server(("127.0.0.1", 0)) as line, socket.create_server(("127.0.0.1", 0)) as probe:
        # QEMU is given sockets that listen already: no port is guessed.
        sockets = {"line": line, "probe": probe}
        command = ["qemu-system-arm", "-M", _BOARD, "-display", "none", "-monitor", "none", "-S"]
        for name, listener in sockets.items():
            listener.set_inheritable(True)
            command += [
                "-chardev",
                f"socket,id={name},fd={listener.fileno()},server=on,wait=off,nodelay=on",
            ]
        command += ["-serial", "chardev:line", "-gdb", "chardev:probe"]
        process = subprocess.Popen(
            command,
            pass_fds=[listener.fileno() for listener in sockets.values()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        server = f"127.0.0.1:{probe.getsockname()[1]}"
        try:
            yield (
                f'\n[targets.{_TARGET}]\nboard = "{_BOARD}"\n'
                f'port = "socket://127.0.0.1:{line.getsockname()[1]}"\nask_s = 1\n'
                f'flasher = "gdb"\nflasher_options = {{ server = "{server}", reset = "system_reset" }}\n'
            )
        finally:
            process.kill()
            process.wait()
