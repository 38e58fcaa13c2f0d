"""The training of networks against `tf_keras.Model.fit`: time, and accuracy over seeds.

``python -m benchmarks.network_speed [--runs N] [--seeds N]`` prints two tables. Each fit has a process of its
own and the same data, seed, batch and validation; what counts is the time from the empty model to the last
epoch, after TensorFlow is loaded, and of some runs the fastest. Processor time is told beside it: it depends
less on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from daemon.trainers.keras.data import Examples, split
from daemon.trainers.keras.layers import settle_layers
from daemon.trainers.keras.shapes import place_layers
from daemon.wire.keras import KerasVisualLayer as Layer

_DENSE = [Layer("dense", neurons=20), Layer("dense", neurons=10)]
_CONV1D = [
    Layer("reshape", columns=3),
    Layer("conv1d", neurons=8, kernel_size=3),
    Layer("dropout", dropout_rate=0.25),
    Layer("conv1d", neurons=16, kernel_size=3),
    Layer("flatten"),
]
_CONV2D = [
    Layer("reshape", columns=8),
    Layer("conv2d", neurons=8, kernel_size=3),
    Layer("conv2d", neurons=16, kernel_size=3),
    Layer("flatten"),
    Layer("dropout", dropout_rate=0.25),
]

#: Name, layers, epochs, and how much faster it must be.
_CASES: dict[str, tuple[str, list[Layer], int, float]] = {
    "dense-30": ("dense 33-20-10-4, 2,000 rows, 30 epochs", _DENSE, 30, 2.5),
    "dense-300": ("the same, 300 epochs", _DENSE, 300, 8.0),
    "conv1d-30": ("conv1d, 1 s windows of 3 axes at 100 Hz, 30 epochs", _CONV1D, 30, 1.5),
    "conv2d-30": ("conv2d, digits of 8 x 8, 30 epochs", _CONV2D, 30, 1.5),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, help="fits of each, the fastest counts (default 3)")
    parser.add_argument("--seeds", type=int, default=10, help="seeds of the second table (default 10)")
    parser.add_argument("--fit", nargs=3, metavar=("CASE", "HOW", "SEED"), help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.fit:
        case, how, seed = wanted.fit
        print(json.dumps(_fit(case, how, int(seed))))
        return
    print(f"{'training phase, s':<52}{'Keras':>8}{'here':>8}{'ratio':>8}{'bar':>6}  processor time")
    for case, (title, _, _, bar) in _CASES.items():
        runs = {how: [_run(case, how, 3) for _ in range(wanted.runs)] for how in ("keras", "here")}
        theirs, ours = (min(run["seconds"] for run in runs[how]) for how in ("keras", "here"))
        processor = [min(run["processor"] for run in runs[how]) for how in ("keras", "here")]
        verdict = "holds" if theirs / ours >= bar else "NO"
        print(
            f"{title:<52}{theirs:>8.2f}{ours:>8.2f}{theirs / ours:>7.1f}x{bar:>5g}x  "
            f"{processor[0]:.2f} / {processor[1]:.2f} = {processor[0] / processor[1]:.1f}x  {verdict}",
            flush=True,
        )
    title = f"validation accuracy over {wanted.seeds} seeds"
    print(f"\n{title:<52}{'mean':>8}{'least':>8}{'most':>8}")
    for case in ("dense-30", "conv2d-30"):
        found = {
            how: [_run(case, how, seed)["accuracy"] for seed in range(wanted.seeds)]
            for how in ("keras", "here")
        }
        for how, accuracies in found.items():
            title = f"{_CASES[case][0]}, {'Keras' if how == 'keras' else 'here'}"
            mean, least, most = statistics.mean(accuracies), min(accuracies), max(accuracies)
            print(f"{title:<52}{mean:>8.4f}{least:>8.4f}{most:>8.4f}", flush=True)
        difference = statistics.mean(found["here"]) - statistics.mean(found["keras"])
        spread = max(found["keras"]) - min(found["keras"])
        verdict = "holds" if abs(difference) <= spread else "NO"
        print(f"  here minus Keras: {difference:+.4f}, Keras' own spread: {spread:.4f}  {verdict}")


def _run(case: str, how: str, seed: int) -> dict[str, float]:
    """A fit in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.network_speed", "--fit", case, how, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _fit(case: str, how: str, seed: int) -> dict[str, float]:
    _, layers, epochs, _ = _CASES[case]
    rows, targets = _data(case)
    trains, validates = split(len(rows), 0.2, 3)
    everything = Examples(rows, targets)
    training, validation = everything.take(trains), everything.take(validates)
    _load(how, seed)
    began, worked = time.perf_counter(), time.process_time()
    fitted = _fit_keras if how == "keras" else _fit_here
    accuracy = fitted(layers, epochs, training, validation, seed)
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - worked,
        "accuracy": accuracy,
    }


def _load(how: str, seed: int) -> None:
    """TensorFlow as a worker loads it, or as it comes."""
    if how == "here":
        from daemon.trainers.keras.runtime import load_tensorflow

        load_tensorflow(os.cpu_count() or 1, seed)
        return
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tf_keras

    tf_keras.utils.set_random_seed(seed)


def _fit_here(layers: list[Layer], epochs: int, training: Examples, validation: Examples, seed: int) -> float:
    from daemon.trainers.keras.epoch import Objective, gains_by_xla
    from daemon.trainers.keras.fit import Phase, fit
    from daemon.trainers.keras.network import build_optimizer

    model = _model(layers, training)
    placed = place_layers(settle_layers(layers)[0], training.rows.shape[1:])
    history = fit(
        model,
        [Phase(epochs, partial(build_optimizer, 0.0005))],
        training,
        validation,
        Objective(classifies=True, batch_size=32),
        seed=seed,
        xla=gains_by_xla(placed, epochs * len(training) / 32),
    )
    return history.epochs[-1]["val_accuracy"]


def _fit_keras(layers: list[Layer], epochs: int, training: Examples, validation: Examples, _: int) -> float:
    import tf_keras

    model = _model(layers, training)
    model.compile(tf_keras.optimizers.Adam(0.0005), "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        training.rows,
        training.targets,
        batch_size=32,
        epochs=epochs,
        validation_data=(validation.rows, validation.targets),
        verbose=0,
    )
    return float(history.history["val_accuracy"][-1])


def _model(layers: list[Layer], training: Examples) -> Any:
    from daemon.trainers.keras.network import build_model

    shape = training.rows.shape[1:]
    placed = place_layers(settle_layers(layers)[0], shape)
    return build_model(placed, shape, training.targets.shape[1], classifies=True)


def _data(case: str) -> tuple[Any, Any]:
    """Rows and one-hot targets."""
    random = np.random.default_rng(0)
    if case.startswith("conv2d"):
        rows, labels = load_digits(return_X_y=True)
        return (rows / 16).astype(np.float32), np.eye(10, dtype=np.float32)[labels]
    if case.startswith("conv1d"):
        # Four motions of a wrist: each axis swings at a rate and a strength of its own.
        labels = random.integers(0, 4, 1200)
        moments = np.arange(100) / 100
        rates = np.array([[1, 2, 3], [2, 1, 4], [3, 4, 1], [4, 3, 2]])[labels]
        phases = random.uniform(0, 2 * np.pi, (1200, 1, 3))
        swings = np.sin(2 * np.pi * rates[:, None, :] * moments[None, :, None] + phases)
        noisy = swings + random.normal(scale=0.8, size=swings.shape)
        return noisy.reshape(1200, 300).astype(np.float32), np.eye(4, dtype=np.float32)[labels]
    labels = random.integers(0, 4, 2000)
    centres = random.normal(scale=0.45, size=(4, 33))
    rows = centres[labels] + random.normal(size=(2000, 33))
    return rows.astype(np.float32), np.eye(4, dtype=np.float32)[labels]


if __name__ == "__main__":
    main()
