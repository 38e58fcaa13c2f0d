"""``trainerd demo --keras``: a network that reads digits, from the command to the C array."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from daemon.cli.demo_stage import PROJECT, local_daemon, say, stage, version_path, watch
from daemon.cli.ends import WorkFailed
from daemon.cli.options import print_json, print_table

_LEARN_ID, _NAME = 9, "digits"

_IMPULSE = {
    "inputBlocks": [{"id": 1, "type": "features", "name": "table", "title": "Table"}],
    "dspBlocks": [{"id": 2, "type": "raw", "name": "raw", "title": "Raw", "input": 1}],
    "learnBlocks": [{"id": _LEARN_ID, "type": "keras", "name": _NAME, "title": "Digits", "dsp": [2]}],
}

_REQUEST = {
    "mode": "visual",
    "visualLayers": [
        {"type": "reshape", "columns": 8},
        {"type": "conv2d", "neurons": 8, "kernelSize": 3},
        {"type": "flatten"},
        {"type": "dropout", "dropoutRate": 0.25},
        {"type": "dense", "neurons": 20},
    ],
    "trainingCycles": 30,
    "learningRate": 0.003,
    "trainTestSplit": 0.2,
}


def play(directory: Path) -> list[dict[str, Any]]:
    """Everything between the first process and the table."""
    from daemon.cli.demo_data import digits, write_labelled
    from daemon.cli.importing import load_file, send_file
    from daemon.cli.tables import Options
    from daemon.trainers.table import NETWORKS

    if (why := NETWORKS["keras"].missing()) is not None:
        raise WorkFailed(f"networks cannot be trained here: {why}")
    training, testing = digits()
    with stage(directory) as user:
        labelled = Options(label_column="label")
        with local_daemon(directory) as daemon:
            for category, digit_rows in (("training", training), ("testing", testing)):
                file = write_labelled(digit_rows, directory / f"{category}.csv")
                send_file(daemon, PROJECT, load_file(file, category, labelled))
        say(f"digits: 8 x 8 pixels each; {len(training.rows)} to train on, {len(testing.rows)} to test with")
        user.post(f"api/{PROJECT}/impulse", _IMPULSE)
        job_id = user.post(f"api/{PROJECT}/jobs/train/keras/{_LEARN_ID}", _REQUEST)["id"]
        job = watch(user, {job_id: "digits"})[job_id]
    return [_figures(directory, job, testing.rows, testing.labels)]


def print_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print the table, and where the C is."""
    if as_json:
        print_json(rows)
        return
    click.echo()
    print_table(
        ("model", "accuracy float", "int8", "compiled C", "best epoch", "MACs", "C bytes", ".tflite"),
        [
            (
                row["model"],
                f"{row['accuracyFloat']:.4f}",
                f"{row['accuracyInt8']:.4f}",
                "no C compiler" if row["accuracyC"] is None else f"{row['accuracyC']:.4f}",
                f"{row['bestEpoch']} of {row['epochs']}",
                row["macs"],
                row["cBytes"],
                row["tfliteBytes"],
            )
            for row in rows
        ],
    )
    for row in rows:
        click.echo(f"\nC that needs nothing else:    {row['files']}/c/{row['name']}.c")
        click.echo(f"array for TensorFlow Lite Micro: {row['files']}/c/{row['name']}_tflite.c")


def _figures(directory: Path, job: dict[str, Any], rows: Any, labels: list[str]) -> dict[str, Any]:
    """The row of the table."""
    import numpy as np

    from daemon.cli.demo_score import compile_and_classify
    from daemon.deploy.measure import measure_c

    result = job["result"]
    files = version_path(directory, _LEARN_ID, result["version"])
    source = files / "c" / f"{_NAME}.c"
    answers = compile_and_classify(source, directory / "build", rows, len(result["classes"]))
    memory = measure_c(source)
    accuracy = None
    if answers is not None:
        said = [result["classes"][answer] for answer in answers.argmax(axis=1)]
        accuracy = float(np.mean([one == other for one, other in zip(said, labels, strict=True)]))
    manifest = json.loads((files / "manifest.json").read_bytes())
    return {
        "model": "digits",
        "name": _NAME,
        "accuracyFloat": result["metrics"]["float32"]["testingAccuracy"],
        "accuracyInt8": result["metrics"]["int8"]["testingAccuracy"],
        "accuracyC": accuracy,
        "bestEpoch": result["bestEpoch"],
        "epochs": _REQUEST["trainingCycles"],
        "macs": manifest["memory"]["macs"],
        "cBytes": None if memory is None else memory.flash_bytes + memory.ram_bytes,
        "tfliteBytes": manifest["files"]["model_int8.tflite"]["size"],
        "files": str(files),
    }
