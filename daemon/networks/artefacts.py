"""What the version of a network consists of: its files, and what its manifest says of them."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from daemon.data.index import utc_now
from daemon.errors import ExportError
from daemon.models.description import package_versions
from daemon.models.embedding import FILE_NAME
from daemon.models.manifest import write_json
from daemon.models.registry import METADATA
from daemon.networks.akida.variant import AkidaVariant
from daemon.networks.choice import Choice
from daemon.networks.embedding import embed_validation
from daemon.networks.metadata import RUNS_ON_CHIP, Variant, network_metadata
from daemon.networks.preparation import Prepared
from daemon.networks.scores import Answers
from daemon.quantize.akida.model import MODEL as AKIDA
from daemon.trainers.keras.fit import History
from daemon.wire.worker import Spec
from firmware_export.errors import FirmwareExportError
from firmware_export.figures import Figures
from firmware_export.networks.exporting import export_network
from firmware_export.networks.read_tflite import read
from firmware_export.packages.table import Options

#: Distributions that take part beside those of every version.
PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization")

#: When everything in an archive was made, so that the same model gives the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Trained:
    """A network in all its forms.

    Parameters
    ----------
    model : tf_keras.Model or None
        With the weights of its best epoch; None where it stays behind walls.
    history : History
        How it came to them.
    float32, int8 : bytes
        The .tflite files.
    weights : bytes or None
        The numbers of a model that stays behind walls, as a .npz file.
    akida : AkidaVariant or None
        What became of the Akida variant, where one is asked for or left.
    """

    model: Any
    history: History
    float32: bytes
    int8: bytes
    weights: bytes | None = None
    akida: AkidaVariant | None = None


def write_artefacts(
    directory: Path,
    prepared: Prepared,
    trained: Trained,
    answers: dict[str, dict[str, Answers]],
    folds: dict[str, Any] | None,
) -> tuple[Figures, dict[str, Any]]:
    """Write everything of a version but its report and its manifest.

    Parameters
    ----------
    directory : Path
        Empty.
    prepared, trained, answers
        What the stages before made.
    folds : dict or None
        ``kFoldsMetadata``, of a cross-validation.

    Returns
    -------
    Figures and dict
        What the C costs, and ``KerasModelMetadata``.

    Raises
    ------
    ExportError
        The network cannot be written as C.
    """
    if trained.weights is None:
        (directory / "model.keras").write_bytes(keras_file(trained.model))
    else:
        (directory / "model.npz").write_bytes(trained.weights)
    (directory / "model_float32.tflite").write_bytes(trained.float32)
    (directory / "model_int8.tflite").write_bytes(trained.int8)
    options = Options(labels=prepared.classes)
    try:
        found, _ = export_network(trained.int8, prepared.c_name, directory / "c", options)
        export_network(trained.int8, prepared.c_name, directory / "c", Options(format="tflm"))
    except FirmwareExportError as error:
        raise ExportError(error.message) from error
    variants = {
        "int8": Variant(answers["int8"]["validation"], len(trained.int8), found),
        "float32": Variant(answers["float32"]["validation"], len(trained.float32)),
    }
    if (akida := trained.akida) is not None:
        for name, content in akida.files.items():
            (directory / name).write_bytes(content)
        if akida.answers is not None:
            variants["akida"] = Variant(akida.answers, len(akida.files[AKIDA]), no_c=RUNS_ON_CHIP)
    told = network_metadata(
        prepared.settings, prepared.classes, prepared.input_shape, variants, trained.history.epochs
    )
    if folds is not None:
        told["kFoldsMetadata"] = folds
    embedded = embed_validation(prepared, answers["int8"]["validation"])
    if embedded is not None:
        write_json(directory / FILE_NAME, embedded)
    write_json(directory / METADATA, {"keras": told})
    return found, told


def keras_file(model: Any) -> bytes:
    """A model as a ``.keras`` file that says nothing of when it was written."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in sorted(archive.namelist())}
    facts = json.loads(members["metadata.json"])
    members["metadata.json"] = json.dumps({**facts, "date_saved": ""}).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), content)
    return written.getvalue()


def describe(
    spec: Spec,
    prepared: Prepared,
    trained: Trained,
    choice: Choice,
    found: Figures,
    result: dict[str, Any],
) -> dict[str, Any]:
    """The manifest of a version, but for its files."""
    settings = prepared.settings
    return {
        "projectId": spec.project_id,
        "learnId": spec.learn_id,
        "version": spec.version,
        "jobId": spec.job_id,
        "created": utc_now(),
        "name": prepared.learn_block.name,
        "cName": prepared.c_name,
        "type": prepared.learn_block.type,
        "trainer": prepared.entry.name,
        "request": spec.request,
        "settings": {**msgspec.to_builtins(settings), "stored": spec.settings},
        "ignored": settings.ignored,
        "data": {
            "digest": prepared.digest,
            "trainingRows": len(prepared.training),
            "validationRows": len(prepared.validation),
            "testingRows": len(prepared.testing),
        },
        "seeds": {"training": spec.seed, "split": spec.seed},
        "threads": spec.limits.threads,
        "packages": package_versions(*PACKAGES),
        "inputShape": list(prepared.input_shape),
        "inputs": [
            {"axis": axis, "label": column.name, "units": column.units}
            for axis, column in enumerate(prepared.inputs)
        ],
        "classes": list(prepared.classes),
        "quantization": _quantization(trained.int8),
        "fit": {
            "bestEpoch": trained.history.best,
            "epochs": trained.history.epochs,
        },
        "metrics": result["metrics"],
        "gate": choice.as_dict(),
        **({} if trained.akida is None else {"akida": trained.akida.facts}),
        "memory": {
            "flashBytes": found.flash,
            "ramBytes": found.ram,
            "scratchBytes": found.scratch,
            "macs": found.macs,
            "measuredWith": "parameters and buffers counted, code estimated for a Cortex-M4F",
        },
        "warnings": result["warnings"],
        "result": result,
    }


def _quantization(int8: bytes) -> dict[str, Any]:
    """What the integers of a network's output stand for."""
    output = read(int8).output_quantization
    return {"outputScale": output.scale, "outputZeroPoint": output.zero_point}
