"""``mode: expert`` outside the walls: hand a script its rows, and take back what can be trusted.

What comes out of the sandbox was made by foreign code. So no model is loaded here: .tflite files are verified
offset by offset, weights are numbers or nothing, and whatever must run a network runs it behind walls again.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from daemon.errors import ScriptFailed, TrainingError
from daemon.networks import behind_walls
from daemon.networks.akida import scripts
from daemon.networks.artefacts import Trained
from daemon.networks.evaluation import Predict
from daemon.networks.preparation import Prepared
from daemon.networks.progress import Emitter
from daemon.sandbox.session import Sandbox, Sandboxed
from daemon.sandbox.start import Place
from daemon.trainers.keras.data import Floats
from daemon.trainers.keras.fit import History
from daemon.wire.script import ScriptTerms
from daemon.wire.worker import Log, Progress, Spec
from firmware_export.errors import FirmwareExportError
from firmware_export.networks.tflite_graph import Graph, read_graph

_TRAIN, _ANSWER = "daemon.networks.behind_walls:train", "daemon.networks.behind_walls:answer"
_MOST_EPOCHS = 100_000


class _Told(msgspec.Struct, frozen=True):
    """What a script left beside files."""

    epochs: list[dict[str, float]]
    best: int
    override_mode: str | None
    akida: list[str]


def train(spec: Spec, prepared: Prepared, emit: Emitter) -> Trained:
    """Run the script behind walls.

    Parameters
    ----------
    spec : Spec
        The job.
    prepared : Prepared
        Rows and settings.
    emit : Emitter
        Hears of what the walls are, of epochs, and of what the script prints.

    Raises
    ------
    SandboxUnavailable
        No walls can be had.
    ScriptFailed
        The script failed, or left something that cannot be used.
    """
    terms, script = spec.script, prepared.settings.script
    if terms is None or script is None:
        raise TrainingError("script: may not be run: it did not come with a signature", stage="train")
    settings, training, validation = prepared.settings, prepared.training, prepared.validation
    pack = behind_walls.pack
    files = {
        behind_walls.TRAIN_X: pack(training.rows),
        behind_walls.TRAIN_Y: pack(training.targets),
        behind_walls.VALID_X: pack(validation.rows),
        behind_walls.VALID_Y: pack(validation.targets),
    }
    job = {
        "text": script,
        "sha256": terms.sha256,
        "classes": list(prepared.classes),
        # What the request leaves out is for the script to say.
        "epochs": spec.request.get("trainingCycles"),
        "learning_rate": spec.request.get("learningRate"),
        "batch_size": spec.request.get("batchSize"),
        "ensure_determinism": False,
        "validation_share": settings.validation_share,
        "seed": spec.seed,
        "limit_s": terms.bounds.wall_s,
        "threads": terms.bounds.threads,
    }
    task = scripts.task_of(spec, prepared)
    job["akida"] = msgspec.to_builtins(task) if isinstance(task, scripts.ScriptTask) else None
    made = _sandbox(spec, terms).run(_TRAIN, job, files, _hearer(emit), emit.check)
    told, trained = _trusted(made, prepared)
    try:
        akida = scripts.take_back(spec, prepared, task, told.akida, made.result.get("akidaSaid"), made.files)
    except (KeyError, ValueError, msgspec.ValidationError) as error:
        raise ScriptFailed(f"script: its Akida model is none: {error}", stage="train") from error
    history = trained.history
    if history.best:
        emit.log("info", f"epoch {history.best} of {len(history.epochs)} is kept")
    if told.override_mode is not None:
        emit.log("info", f"override_mode is {told.override_mode[:64]!r}")
    return replace(trained, akida=akida)


def predicts(spec: Spec, trained: Trained) -> dict[str, Predict]:
    """What the networks of a script answer, each variant in a sandbox of its own."""
    assert spec.script is not None
    sandbox = _sandbox(spec, spec.script)

    def by(network: bytes) -> Predict:
        def predict(rows: Floats) -> Floats:
            files = {behind_walls.NETWORK: network, behind_walls.ROWS: behind_walls.pack(rows)}
            made = sandbox.run(_ANSWER, {}, files, lambda _: None, lambda: None)
            return _answers(made, len(rows))

        return predict

    return {"float32": by(trained.float32), "int8": by(trained.int8)}


def _sandbox(spec: Spec, terms: ScriptTerms) -> Sandbox:
    scratch = Path(spec.staging_dir).parent / "scratch"
    scratch.mkdir(exist_ok=True)
    place = Place([], scratch, Path(terms.socket), terms.bounds)
    return Sandbox(place, [Path(path) for path in terms.closed])


def _hearer(emit: Emitter) -> Callable[[Progress | Log], None]:
    """Passes on what a script tells, as far as it makes sense."""

    def hear(event: Progress | Log) -> None:
        if isinstance(event, Log):
            emit.log(event.level if event.level in ("debug", "info", "warn", "error") else "info", event.text)
            return
        metrics = _finite(event.metrics or {})
        fraction = min(max(event.fraction, 0.0), 1.0) if math.isfinite(event.fraction) else 0.0
        emit.tell(msgspec.structs.replace(event, stage="train", fraction=fraction, metrics=metrics))

    return hear


def _trusted(made: Sandboxed, prepared: Prepared) -> tuple[_Told, Trained]:
    """What a script left, checked.

    Raises
    ------
    ScriptFailed
        It is not what a script may leave.
    """
    try:
        told = msgspec.convert(made.result, _Told)
        files = {name: made.files[name] for name in (behind_walls.FLOAT32, behind_walls.INT8)}
        wanted = (math.prod(prepared.input_shape), prepared.training.targets.shape[1])
        for name, content in files.items():
            _check_network(name, read_graph(content), wanted)
        weights = _weights(made.files[behind_walls.WEIGHTS])
    except (FirmwareExportError, msgspec.ValidationError, KeyError, ValueError, OSError) as error:
        raise ScriptFailed(f"script: what it leaves is no network: {error}", stage="train") from error
    epochs = [_finite(metrics) for metrics in told.epochs[:_MOST_EPOCHS]]
    # A script may train several times, and look at other figures each time.
    shared = set.intersection(*map(set, epochs)) if epochs else set()
    epochs = [{name: metrics[name] for name in metrics if name in shared} for metrics in epochs]
    best = told.best if 1 <= told.best <= len(epochs) else 0
    float32, int8 = files.values()
    return told, Trained(None, History(epochs, best, []), float32, int8, weights)


def _finite(metrics: dict[str, float]) -> dict[str, float]:
    return {name[:64]: value for name, value in metrics.items() if math.isfinite(value)}


def _answers(made: Sandboxed, rows: int) -> Floats:
    try:
        found = behind_walls.unpack(made.files[behind_walls.ROWS])
    except (KeyError, ValueError) as error:
        raise ScriptFailed(f"script: its network does not answer: {error}", stage="evaluate") from error
    if found.dtype != np.float32 or found.ndim != 2 or len(found) != rows or not np.isfinite(found).all():
        raise ScriptFailed("script: its network does not answer with numbers", stage="evaluate")
    return np.asarray(found)


def _check_network(name: str, graph: Graph, wanted: tuple[int, int]) -> None:
    """One input and one output of the right sizes."""
    ends = graph.inputs, graph.outputs
    sizes = tuple(tuple(math.prod(graph.tensors[index].shape) for index in indexes) for indexes in ends)
    if sizes != ((wanted[0],), (wanted[1],)):
        raise ValueError(f"{name}: it takes and gives {sizes}, not {wanted[0]} and {wanted[1]} values")


def _weights(content: bytes) -> bytes:
    """A ``.npz`` file written anew of the numbers in another."""
    most = len(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if (
            any(member.compress_type != zipfile.ZIP_STORED for member in members)
            or sum(member.file_size for member in members) > most
        ):
            raise ValueError("the weights are packed in another way than they are written here")
        arrays = {
            member.filename.removesuffix(".npy"): behind_walls.unpack(archive.read(member))
            for member in members
        }
    written = io.BytesIO()
    np.savez(written, **arrays)
    return written.getvalue()
