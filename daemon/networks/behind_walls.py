"""What runs behind the walls of `daemon.sandbox`: a script and the conversion of its model, and inference.

Both are entries for `daemon.sandbox`. A model of a script is foreign code in itself, so it is never
loaded elsewhere.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from daemon.errors import AkidaRefused, TrainerdError
from daemon.sandbox.entry import Files, SandboxedError, Teller, Work
from daemon.trainers.keras.data import Examples

#: Files of the material and of what is handed back.
TRAIN_X, TRAIN_Y, VALID_X, VALID_Y = "train_x", "train_y", "valid_x", "valid_y"
FLOAT32, INT8, WEIGHTS = "float32", "int8", "weights"
NETWORK, ROWS = "network", "rows"


def train(job: dict[str, Any]) -> Work:
    """Run a script, and convert the model that it leaves.

    Parameters
    ----------
    job : dict
        The members of `daemon.trainers.keras.script.Script`, ``threads``, and of ``akida`` those of
        `daemon.networks.akida.scripts.ScriptTask`, or None.
    """
    from daemon.quantize.akida.convert import load_cnn2snn
    from daemon.quantize.network import convert_float, convert_int8
    from daemon.trainers.keras.runtime import load_tensorflow
    from daemon.trainers.keras.script import Script, run_script

    threads, task = job.pop("threads"), job.pop("akida")
    script = Script(**{**job, "classes": tuple(job["classes"])})
    load_tensorflow(threads, script.seed)
    # Seconds, for scripts that leave something for it only.
    if task is not None and "akida" in script.text:
        load_cnn2snn()

    def work(files: Files, scratch: Path, teller: Teller) -> tuple[dict[str, Any], Files]:
        training = Examples(unpack(files[TRAIN_X]), unpack(files[TRAIN_Y]))
        validation = Examples(unpack(files[VALID_X]), unpack(files[VALID_Y]))
        left = run_script(script, training, validation, scratch, teller.send)
        per_channel = "convolutions" if left.per_channel else "nothing"
        try:
            made = {
                FLOAT32: convert_float(left.model),
                INT8: convert_int8(left.model, validation.rows, per_channel=per_channel),
                WEIGHTS: _weights(left.model),
            }
        except TrainerdError as error:
            raise SandboxedError(error.message) from error
        facts = {"epochs": left.epochs, "best": left.best, "override_mode": left.override_mode}
        said = None
        if task is not None and left.akida:
            said, more = _akida(left.akida, training, validation, task)
            made.update(more)
        return {**facts, "akida": sorted(left.akida), "akidaSaid": said}, made

    return work


def _akida(
    left: dict[str, Any], training: Examples, validation: Examples, task: dict[str, Any]
) -> tuple[dict[str, Any], Files]:
    """The Akida models that a script left: what is said of them, and their files."""
    from daemon.networks.akida import scripts

    try:
        told, files, answers = scripts.convert_left(
            left, training, validation, msgspec.convert(task, scripts.ScriptTask)
        )
    except TrainerdError as error:
        return {"code": error.code, "message": error.message}, {}
    except Exception as error:  # noqa: BLE001 - whatever MetaTF raises
        return {"code": AkidaRefused.code, "message": f"unexpected {type(error).__name__}: {error}"}, {}
    return msgspec.to_builtins(told), {**files, scripts.ANSWERS: pack(answers)}


def answer(job: dict[str, Any]) -> Work:  # noqa: ARG001
    """Let a network of a script answer rows: an interpreter reads what an enemy may have written."""
    from daemon.quantize import interpreter

    def work(files: Files, scratch: Path, teller: Teller) -> tuple[dict[str, Any], Files]:  # noqa: ARG001
        return {}, {ROWS: pack(interpreter.load(files[NETWORK]).run(unpack(files[ROWS])))}

    return work


def pack(array: Any) -> bytes:
    """An array as a ``.npy`` file."""
    written = io.BytesIO()
    np.save(written, np.ascontiguousarray(array), allow_pickle=False)
    return written.getvalue()


def unpack(content: bytes) -> Any:
    """The array in a ``.npy`` file; raises ValueError where it is none, or holds objects."""
    return np.load(io.BytesIO(content), allow_pickle=False)


def _weights(model: Any) -> bytes:
    """All weights by their names, numbers only."""
    written = io.BytesIO()
    named = {f"{place:03d}/{weight.name}": weight.numpy() for place, weight in enumerate(model.weights)}
    np.savez(written, **named)
    return written.getvalue()
