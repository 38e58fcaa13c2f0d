"""``trainerd demo``: the whole product on one screen, with nothing else installed.

Starts a broker and the real daemon, imports a data set, has K-means and GMM trained over MQTT, and
prints one table of what came of it.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.connection import Daemon
from daemon.cli.ends import CallWrong, Stopped, WorkFailed, end_if_asked, stop
from daemon.cli.jobs import TERMINAL
from daemon.cli.options import print_json, print_table
from daemon.cli.progress import Display

if TYPE_CHECKING:
    from daemon.cli.demo_client import DemoClient
    from daemon.cli.demo_data import DemoData

_PROJECT, _DEVICE = 1, "demo"
#: Seconds that a process has to come up, or to end by itself.
_START_S, _STOP_S = 20.0, 5.0


@dataclass(frozen=True)
class Model:
    """One of the models that the demo trains: its learn block and how many clusters it gets."""

    title: str
    name: str
    learn_id: int
    learn_type: str
    clusters: int


MODELS = (
    Model("K-means", "kmeans", 7, "anomaly", 8),
    Model("GMM", "gmm", 8, "anomaly-gmm", 4),
)


@click.command("demo")
@click.option("--csv", "csv_file", metavar="FILE", type=click.Path(path_type=Path), help="Your own rows.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(csv_file: Path | None, as_json: bool) -> None:
    """Show everything on an embedded broker: data in, int8 and C out.

    FILE is a feature table; where it has a column `label`, rows labelled other than normal, ok or 0 are
    anomalies to test with. Without FILE the data is scikit-learn's breast cancer, benign as normal.
    """
    from daemon.cli.demo_data import breast_cancer, from_csv
    from daemon.cli.tables import TableError

    try:
        metadata.version("amqtt")
    except metadata.PackageNotFoundError:
        raise WorkFailed("the demo's broker is not installed: pip install 'trainerd[demo]'") from None
    try:
        data = breast_cancer() if csv_file is None else from_csv(csv_file)
    except (TableError, OSError) as error:
        raise CallWrong(str(error)) from None
    signal.signal(signal.SIGTERM, stop)
    directory = Path(tempfile.mkdtemp(prefix="trainerd-demo-"))
    try:
        rows = _play(directory, data)
        end_if_asked()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        raise WorkFailed(f"{error}; the logs are in {directory}") from None
    except Stopped:
        raise WorkFailed(f"stopped; everything so far is in {directory}") from None
    if as_json:
        print_json(rows)
        return
    click.echo()
    print_table(
        ("model", "ROC-AUC float", "int8", "compiled C", "C bytes", "files"),
        [
            (
                row["model"],
                _figure(row["aucFloat"]),
                _figure(row["aucInt8"]),
                _figure(row["aucC"], "no C compiler" if row["cBytes"] is None else "-"),
                row["cBytes"],
                row["files"],
            )
            for row in rows
        ],
    )
    if rows[0]["cBytesFor"] is not None:
        click.echo(f"\nC bytes are those of {rows[0]['cBytesFor']}.")


def _play(directory: Path, data: DemoData) -> list[dict[str, Any]]:
    """Everything between the first process and the table."""
    from daemon.cli.demo_client import DemoClient

    with (
        _broker(directory) as port,
        _daemon(directory, port),
        DemoClient(port, f"trainerd/{_DEVICE}", _say) as user,
    ):
        _wait_online(user)
        _say(f"broker on 127.0.0.1:{port}, daemon `{_DEVICE}` online; everything is kept in {directory}")
        _import(directory, data)
        user.post(f"api/{_PROJECT}/impulse", _impulse(data))
        jobs = {model: user.post(*_training_request(model, data))["id"] for model in MODELS}
        ended = _watch(user, {job_id: model.title for model, job_id in jobs.items()})
        return [_figures(directory, data, model, ended[job_id]) for model, job_id in jobs.items()]


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
def _daemon(directory: Path, port: int) -> Iterator[None]:
    config = directory / "trainerd.toml"
    for folder in ("state", "run"):
        (directory / folder).mkdir()
    config.write_text(
        f'state_dir = "{directory / "state"}"\nruntime_dir = "{directory / "run"}"\n\n'
        f'[device]\nid = "{_DEVICE}"\n\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\nversion = 3\n',
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


def _import(directory: Path, data: DemoData) -> None:
    """What `trainerd import` does, over the daemon's local socket."""
    from daemon.cli.demo_data import TESTING_LABEL_COLUMN, write_csv
    from daemon.cli.importing import load_file, send_file
    from daemon.cli.tables import Options
    from daemon.local_api import LocalClient

    training, testing = write_csv(data, directory)
    labelled = Options(label_column=TESTING_LABEL_COLUMN)
    client = LocalClient(directory / "run" / "trainerd.sock")
    client.open()
    try:
        send_file(Daemon(client), _PROJECT, load_file(training, "training", Options()))
        send_file(Daemon(client), _PROJECT, load_file(testing, "testing", labelled))
    finally:
        client.close()
    _say(
        f"{data.name}: {len(data.columns)} features; {len(data.training)} normal rows to train on, "
        f"{len(data.testing)} to test with, {int(data.anomalous.sum())} of them anomalies"
    )


def _impulse(data: DemoData) -> dict[str, Any]:
    return {
        "inputBlocks": [{"id": 1, "type": "features", "name": "table", "title": "Table"}],
        "dspBlocks": [
            {"id": 2, "type": "raw", "name": "raw", "title": "Raw", "axes": list(data.columns), "input": 1}
        ],
        "learnBlocks": [
            {
                "id": model.learn_id,
                "type": model.learn_type,
                "name": model.name,
                "title": model.title,
                "dsp": [2],
            }
            for model in MODELS
        ],
    }


def _training_request(model: Model, data: DemoData) -> tuple[str, dict[str, Any]]:
    body = {
        "clusterCount": min(model.clusters, len(data.training)),
        "minimumConfidenceRating": 0.3,
        "axes": list(range(len(data.columns))),
        "skipEmbeddingsAndMemory": True,
    }
    return f"api/{_PROJECT}/jobs/train/anomaly/{model.learn_id}", body


def _watch(user: DemoClient, titles: dict[int, str]) -> dict[int, dict[str, Any]]:
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


def _figures(directory: Path, data: DemoData, model: Model, job: dict[str, Any]) -> dict[str, Any]:
    """One row of the table."""
    from daemon.cli.demo_score import compile_and_score
    from daemon.deploy.measure import measure_c
    from daemon.quantize.agreement import roc_auc

    metrics = job["result"]["metrics"]
    versions = directory / "state" / "projects" / str(_PROJECT) / "models" / str(model.learn_id)
    files = versions / str(job["result"]["version"])
    source = files / "c" / f"{model.name}.c"
    scores = compile_and_score(source, directory / "build", data.testing)
    memory = measure_c(source)
    auc = None
    if scores is not None and data.anomalous.any():
        auc = roc_auc(scores, data.anomalous)
    return {
        "model": model.title,
        "name": model.name,
        "clusters": job["result"]["clusterCount"],
        "aucFloat": metrics["float64"].get("rocAuc"),
        "aucInt8": metrics["int8"].get("rocAuc"),
        "aucC": auc,
        "cBytes": None if memory is None else memory.flash_bytes + memory.ram_bytes,
        "cBytesFor": None if memory is None else memory.measured_with,
        "files": str(files),
    }


def _figure(value: float | None, instead: str = "-") -> str:
    return instead if value is None else f"{value:.4f}"


def _say(line: str) -> None:
    click.echo(line, err=True)
