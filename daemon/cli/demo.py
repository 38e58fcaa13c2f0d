"""``trainerd demo``: the whole product on one screen, with nothing else installed.

Starts a broker and the real daemon, imports a data set, has K-means and GMM trained over MQTT, and
prints one table of what came of it.
"""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli import demo_board, demo_keras
from daemon.cli.demo_stage import PROJECT, local_daemon, say, stage, version_path, watch
from daemon.cli.ends import CallWrong, Stopped, WorkFailed, end_if_asked, stop
from daemon.cli.options import print_json, print_table

if TYPE_CHECKING:
    from daemon.cli.demo_client import DemoClient
    from daemon.cli.demo_data import DemoData


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
@click.option("--keras", is_flag=True, help="A network that reads digits, in place of anomaly models.")
@click.option("--deploy", is_flag=True, help="Put the K-means onto an emulated board, and back.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(csv_file: Path | None, keras: bool, deploy: bool, as_json: bool) -> None:
    """Show everything on an embedded broker: data in, int8 and C out.

    FILE is a feature table; where it has a column `label`, rows labelled other than normal, ok or 0 are
    anomalies to test with. Without FILE the data is scikit-learn's breast cancer, benign as normal.
    """
    from daemon.cli.demo_data import breast_cancer, from_csv
    from daemon.cli.tables import TableError

    if keras:
        if csv_file is not None or deploy:
            raise CallWrong("--keras goes alone: the network reads digits, and is not deployed")
        demo_keras.print_rows(_show(demo_keras.play), as_json=as_json)
        return
    try:
        data = breast_cancer() if csv_file is None else from_csv(csv_file)
    except (TableError, OSError) as error:
        raise CallWrong(str(error)) from None
    if deploy:
        demo_board.print_rows(_show(partial(_play_with_board, data=data)), as_json=as_json)
        return
    rows = _show(partial(_play, data=data))
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


def _show(play: Callable[[Path], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Play in a directory of its own, and say where everything is if that fails."""
    try:
        metadata.version("amqtt")
    except metadata.PackageNotFoundError:
        raise WorkFailed("the demo's broker is not installed: pip install 'trainerd[demo]'") from None
    signal.signal(signal.SIGTERM, stop)
    directory = Path(tempfile.mkdtemp(prefix="trainerd-demo-"))
    try:
        rows = play(directory)
        end_if_asked()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        raise WorkFailed(f"{error}; the logs are in {directory}") from None
    except Stopped:
        raise WorkFailed(f"stopped; everything so far is in {directory}") from None
    return rows


def _play(directory: Path, data: DemoData) -> list[dict[str, Any]]:
    """Everything between the first process and the table."""
    with stage(directory) as user:
        ended = _train(user, directory, data, MODELS)
        return [_figures(directory, data, model, job) for model, job in ended.items()]


def _play_with_board(directory: Path, data: DemoData) -> list[dict[str, Any]]:
    """The same of the demo that deploys."""
    (kmeans, *_) = MODELS

    def train(user: DemoClient) -> float:
        threshold: float = _train(user, directory, data, [kmeans])[kmeans]["result"]["threshold"]
        return threshold

    return demo_board.play(directory, train, kmeans.learn_id)


def _train(
    user: DemoClient, directory: Path, data: DemoData, models: Sequence[Model]
) -> dict[Model, dict[str, Any]]:
    """Bring the data in and have models trained; their jobs as they ended."""
    _import(directory, data)
    user.post(f"api/{PROJECT}/impulse", _impulse(data))
    jobs = {model: user.post(*_training_request(model, data))["id"] for model in models}
    ended = watch(user, {job_id: model.title for model, job_id in jobs.items()})
    return {model: ended[job_id] for model, job_id in jobs.items()}


def _import(directory: Path, data: DemoData) -> None:
    """What `trainerd import` does, over the daemon's local socket."""
    from daemon.cli.demo_data import TESTING_LABEL_COLUMN, write_csv
    from daemon.cli.importing import load_file, send_file
    from daemon.cli.tables import Options

    training, testing = write_csv(data, directory)
    labelled = Options(label_column=TESTING_LABEL_COLUMN)
    with local_daemon(directory) as daemon:
        send_file(daemon, PROJECT, load_file(training, "training", Options()))
        send_file(daemon, PROJECT, load_file(testing, "testing", labelled))
    say(
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
    return f"api/{PROJECT}/jobs/train/anomaly/{model.learn_id}", body


def _figures(directory: Path, data: DemoData, model: Model, job: dict[str, Any]) -> dict[str, Any]:
    """One row of the table."""
    from daemon.cli.demo_score import compile_and_score
    from daemon.deploy.measure import measure_c
    from daemon.quantize.agreement import roc_auc

    metrics = job["result"]["metrics"]
    files = version_path(directory, model.learn_id, job["result"]["version"])
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
