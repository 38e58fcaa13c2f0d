"""Runs a script of expert mode: the body of ``train_model``, with everything in scope that it expects.

Runs behind the walls of `daemon.sandbox` only: the script may do whatever Python can.
"""

from __future__ import annotations

import hashlib
import linecache
import math
import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from daemon.sandbox.entry import SandboxedError
from daemon.trainers.keras.data import Examples
from daemon.wire.worker import Progress

_FILE = "script"
_LINES = 6


@dataclass(frozen=True)
class Script:
    """A script and what it is told.

    Parameters
    ----------
    text : str
        The body of ``train_model``.
    sha256 : str
        Digest of the text that was signed, in hexadecimal.
    classes : tuple of str
        What the outputs mean; empty for a regression.
    epochs, learning_rate, batch_size
        ``args`` of the script; None where the request leaves them to it.
    ensure_determinism : bool
        ``args.ensure_determinism``.
    validation_share : float
        ``input.trainTestSplit``.
    seed : int
        Of everything random that the script does not seed.
    limit_s : float
        Seconds that it has.
    """

    text: str
    sha256: str
    classes: tuple[str, ...]
    epochs: int | None
    learning_rate: float | None
    batch_size: int | None
    ensure_determinism: bool
    validation_share: float
    seed: int
    limit_s: float


@dataclass(frozen=True)
class Left:
    """What a script leaves.

    Parameters
    ----------
    model : tf_keras.Model
        One input, one output.
    epochs : list of dict
        Figures of each epoch by Keras' names, where the script trained with ``callbacks``.
    best : int
        The epoch whose weights the model has, from 1; 0 where none was told of.
    per_channel : bool
        False where ``disable_per_channel_quantization`` is set.
    override_mode : str or None
        As it is.
    akida : dict of str to object
        ``akida_model`` and ``akida_edge_model``, where there are any.
    """

    model: Any
    epochs: list[dict[str, float]]
    best: int
    per_channel: bool
    override_mode: str | None
    akida: dict[str, Any]


def run_script(
    script: Script, training: Examples, validation: Examples, scratch: Path, tell: Callable[[Progress], None]
) -> Left:
    """Run a script.

    Parameters
    ----------
    script : Script
        The script and what it is told.
    training, validation : Examples
        Rows.
    scratch : Path
        Where it may write.
    tell : callable
        Hears of each epoch.

    Raises
    ------
    SandboxedError
        It is not the script that was signed, it fails, or it leaves no model that fits the rows.
    """
    digest = hashlib.sha256(script.text.encode()).hexdigest()
    if digest != script.sha256:
        raise SandboxedError(f"script: its sha256 is {digest}, not that of the script that was signed")
    scope = _scope(script, training, validation, scratch, tell)
    progress, best = scope["callbacks"][0], scope["BEST_MODEL_PATH"]
    _execute(script.text, scope)
    model = _checked(scope.get("model"), training)
    restored = _restore_best(model, best)
    return Left(
        model=model,
        epochs=progress.epochs,
        best=_best(progress.epochs) if restored else len(progress.epochs),
        per_channel=not scope.get("disable_per_channel_quantization", False),
        override_mode=_text(scope.get("override_mode")),
        akida={
            name: scope[name] for name in ("akida_model", "akida_edge_model") if scope.get(name) is not None
        },
    )


def _scope(
    script: Script, training: Examples, validation: Examples, scratch: Path, tell: Callable[[Progress], None]
) -> dict[str, Any]:
    """Everything that a script finds."""
    import tensorflow as tf
    import tf_keras

    from daemon.trainers.keras import script_helpers as helpers

    data, out, best = scratch / "data", scratch / "out", str(scratch / "best_model.hdf5")
    for directory in (data, out):
        directory.mkdir()
    _write_files(data, training, validation)
    helpers.accept_old_optimizer_arguments()
    modules = helpers.old_package(Path(best))
    sys.modules.update(modules)
    shape = training.rows.shape[1:]
    classes = list(script.classes) or ["value"]
    checkpoint = tf_keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True, mode="min")
    return {
        "__name__": "__main__",
        "__file__": str(scratch / _FILE),
        "train_dataset": tf.data.Dataset.from_tensor_slices((training.rows, training.targets)),
        "validation_dataset": tf.data.Dataset.from_tensor_slices((validation.rows, validation.targets)),
        "input_length": math.prod(shape),
        "callbacks": [helpers.ProgressCallback(tell, script.limit_s), checkpoint],
        "X_train": training.rows,
        "X_test": validation.rows,
        "Y_train": training.targets,
        "Y_test": validation.targets,
        "train_sample_count": len(training),
        "classes": len(classes),
        "classes_values": classes,
        "ensure_determinism": script.ensure_determinism,
        "args": SimpleNamespace(
            epochs=script.epochs,
            learning_rate=script.learning_rate,
            batch_size=script.batch_size,
            ensure_determinism=script.ensure_determinism,
            data_directory=str(data),
            out_directory=str(out),
        ),
        "input": _train_input(script, shape),
        "BEST_MODEL_PATH": best,
        "MODEL_INPUT_SHAPE": shape,
        "MODEL_INPUT_LENGTH": math.prod(shape),
        "MAX_TRAINING_TIME_S": script.limit_s,
        "RANDOM_SEED": script.seed,
        "dir_path": str(scratch),
        "ei_tensorflow": modules["ei_tensorflow"],
        "BatchLoggerCallback": helpers.BatchLoggerCallback,
        "SpecAugment": helpers.SpecAugment,
        "set_batch_size": helpers.set_batch_size,
        "load_best_model": helpers.best_model_loader(Path(best)),
        "sys": sys,
        "os": os,
        "math": math,
        "time": time,
        "random": random,
        "np": np,
        "tf": tf,
    }


def _train_input(script: Script, shape: tuple[int, ...]) -> SimpleNamespace:
    """``input``: what Edge Impulse's ``train_input.json`` says, as attributes."""
    return SimpleNamespace(
        classes=list(script.classes),
        mode="classification" if script.classes else "regression",
        inferenceMode="classification" if script.classes else "regression",
        inputShapeString=str(shape),
        yType="npy",
        trainTestSplit=script.validation_share,
        stratifiedTrainTest=False,
        convertInt8=True,
        profileInt8=True,
        skipEmbeddingsAndMemory=True,
        objectDetectionAugmentation=False,
        objectDetectionLastLayer=None,
        syntiantTarget=False,
        maxTrainingTimeSeconds=script.limit_s,
        isEnterpriseProject=False,
        flattenDataset=False,
        akidaModel=False,
        akidaEdgeModel=False,
        skipMemoryProfiling=True,
        tensorboardLogging=False,
        customValidationSplit=False,
        remainingGpuComputeTimeSeconds=0,
    )


def _write_files(directory: Path, training: Examples, validation: Examples) -> None:
    """The rows as files, for scripts that read ``args.data_directory``."""
    for side, examples in (("train", training), ("test", validation)):
        np.save(directory / f"X_split_{side}.npy", examples.rows)
        np.save(directory / f"Y_split_{side}.npy", examples.targets)


def _execute(text: str, scope: dict[str, Any]) -> None:
    linecache.cache[_FILE] = (len(text), None, text.splitlines(keepends=True), _FILE)
    try:
        exec(compile(text, _FILE, "exec"), scope)  # noqa: S102 - behind the walls
    except SyntaxError as error:
        raise SandboxedError(f"script, line {error.lineno}: {error.msg}") from None
    except BaseException as error:  # noqa: BLE001 - SystemExit is one
        raise SandboxedError(_told(error)) from None


def _told(error: BaseException) -> str:
    """An error with the lines of the script that led to it, the innermost first."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == _FILE]
    lines = [f"line {frame.lineno}: {(frame.line or '').strip()}" for frame in reversed(frames)][:_LINES]
    place = f"script, {lines[0]}" if lines else "script"
    more = "".join(f"\n  called in {line}" for line in lines[1:])
    return f"{place}\n{type(error).__name__}: {error}{more}"


def _checked(model: Any, training: Examples) -> Any:
    """The model, if it is one that can be converted and fits the rows."""
    import tf_keras

    if model is None:
        raise SandboxedError("script: leaves no `model`: assign the trained model to that name")
    if not isinstance(model, tf_keras.Model) or not getattr(model, "inputs", None):
        raise SandboxedError(
            f"script: `model` is a {type(model).__name__}: make it a Sequential or functional tf.keras model"
        )
    inputs, outputs = len(model.inputs), len(model.outputs)
    if (inputs, outputs) != (1, 1):
        raise SandboxedError(f"script: `model` has {inputs} inputs and {outputs} outputs: leave one of each")
    wanted, gives = training.rows.shape[1:], (training.targets.shape[1],)
    takes, given = tuple(model.inputs[0].shape[1:]), tuple(model.outputs[0].shape[1:])
    if takes != wanted:
        raise SandboxedError(f"script: `model` takes rows of shape {takes}, these are {wanted}")
    if given != gives:
        raise SandboxedError(f"script: `model` gives {given}, but {gives} is wanted: end in Dense(classes)")
    return model


def _restore_best(model: Any, best: str) -> bool:
    """Give the model the weights of its best epoch, where they were kept and are its own."""
    if not Path(best).exists():
        return False
    try:
        model.load_weights(best)
    except (ValueError, OSError) as error:
        print(f"EI_LOG_LEVEL=warn the best epoch's weights are of another model: {error}")  # noqa: T201
        return False
    return True


def _best(epochs: list[dict[str, float]]) -> int:
    losses = [epoch.get("val_loss", math.inf) for epoch in epochs]
    return int(np.argmin(losses)) + 1 if losses else 0


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:64]
