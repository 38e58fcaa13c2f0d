"""What a version consists of: its files, and what its manifest says of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.data.index import utc_now
from daemon.deploy.measure import measure_c
from daemon.errors import ExportError
from daemon.models import embedding
from daemon.models.anomaly import AnomalyModel
from daemon.models.description import describe_inputs, describe_score, package_versions
from daemon.models.manifest import list_files, write_json
from daemon.models.metadata import anomaly_metadata
from daemon.models.registry import METADATA
from daemon.preparation import FloatRows, Prepared
from daemon.quantize.anomaly import IntegerModel
from daemon.quantize.gate import GateReport
from daemon.quantize.gmm import IntegerGmm
from daemon.quantize.vectors import vectors
from daemon.report.anomaly import anomaly_page
from daemon.report.material import Material
from daemon.trainers.base import Fitted
from daemon.wire.worker import Spec
from firmware_export.anomaly import export
from firmware_export.errors import FirmwareExportError

#: The page that a person looks at.
REPORT = "report.html"


@dataclass(frozen=True)
class Trained:
    """A float model with its threshold.

    Parameters
    ----------
    model : KMeansModel or GmmModel
        The model, threshold set.
    fitted : Fitted
        What the trainer gave.
    training_scores : ndarray, shape (n,), float64
        Its scores of the training rows.
    suggested : float
        The threshold that these suggest.
    """

    model: AnomalyModel
    fitted: Fitted
    training_scores: npt.NDArray[np.float64]
    suggested: float


@dataclass(frozen=True)
class Extras:
    """What a request may leave out; None where it did.

    Parameters
    ----------
    memory : dict or None
        ``flashBytes``, ``ramBytes`` and ``measuredWith`` of the C.
    embedding : dict or None
        The training rows on two principal components, as `daemon.models.embedding` makes them.
    """

    memory: dict[str, Any] | None = None
    embedding: dict[str, Any] | None = None


def write_artefacts(
    directory: Path, prepared: Prepared, trained: Trained, integer: IntegerModel | None
) -> Extras:
    """Write everything of a version but its report and its manifest.

    Parameters
    ----------
    directory : Path
        Empty.
    prepared, trained, integer
        What the stages before made.

    Returns
    -------
    Extras
        What else was found out.

    Raises
    ------
    ExportError
        The model cannot be written as C.
    """
    trained.model.save(directory / "model.npz")
    write_json(
        directory / METADATA, anomaly_metadata(trained.model, trained.suggested, has_int8=integer is not None)
    )
    for name, content in trained.fitted.documents.items():
        write_json(directory / name, content)
    drawn = None
    if prepared.settings.embeddings_and_memory:
        rows = (prepared.task.rows - trained.model.mean) / trained.model.scale
        drawn = embedding.embed(rows, trained.training_scores, prepared.labels)
        write_json(directory / embedding.FILE_NAME, drawn)
    if integer is None:
        return Extras(embedding=drawn)
    integer.save(directory / "model_int8.npz")
    try:
        test_vectors = vectors(integer, prepared.known.training)
        export(directory / "model_int8.npz", prepared.c_name, directory / "c", test_vectors)
    except FirmwareExportError as error:
        raise ExportError(error.message) from error
    if not prepared.settings.embeddings_and_memory:
        return Extras()
    return Extras(_memory(directory / "c" / f"{prepared.c_name}.c", integer), drawn)


def write_report(
    directory: Path,
    manifest: dict[str, Any],
    prepared: Prepared,
    trained: Trained,
    integer: IntegerModel,
    synthetic: FloatRows,
    embedded: dict[str, Any] | None,
) -> None:
    """Write the page that a person looks at.

    Parameters
    ----------
    directory : Path
        Holds every other file of the version but its manifest.
    manifest : dict
        What `describe` gave.
    prepared, trained, integer
        What the stages before made.
    synthetic : ndarray, shape (s, d), float32
        Made anomalies that the figures were computed on.
    embedded : dict or None
        The embedding, where it was wanted.
    """
    known = prepared.known
    material = Material(
        manifest=manifest,
        files=list_files(directory),
        model=trained.model,
        integer_score=integer.score,
        training=known.training,
        normal=known.normal,
        anomalous=known.anomalous,
        synthetic=synthetic,
        training_scores=trained.training_scores,
        embedding=embedded,
    )
    # Names are people's; half a character in one of them must not cost the version.
    (directory / REPORT).write_bytes(anomaly_page(material).encode("utf-8", "replace"))


def describe(
    spec: Spec,
    prepared: Prepared,
    trained: Trained,
    integer: IntegerModel | None,
    gate: GateReport,
    memory: dict[str, Any] | None,
    result: dict[str, Any],
) -> dict[str, Any]:
    """The manifest of a version, but for its files."""
    known, settings = prepared.known, prepared.settings
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
        "threshold": trained.model.threshold,
        "request": spec.request,
        "settings": {
            "axes": list(settings.axes),
            "clusterCount": prepared.task.cluster_count,
            **settings.options,
            "stored": spec.settings,
        },
        "ignored": settings.ignored,
        "data": {
            "digest": prepared.digest,
            "trainingRows": len(known.training),
            "normalRows": len(known.normal),
            "anomalousRows": len(known.anomalous),
        },
        "seeds": {"training": prepared.task.seed, "gate": spec.seed, "synthetic": spec.seed},
        "threads": spec.limits.threads,
        "packages": package_versions(),
        "inputs": describe_inputs(trained.model, prepared.inputs),
        "quantization": None if integer is None else _quantization(integer, gate),
        "score": describe_score(
            trained.model,
            trained.suggested,
            settings.threshold_source,
            trained.training_scores,
            trained.fitted.deviations_of,
        ),
        "fit": trained.fitted.metrics,
        "metrics": result["metrics"],
        "gate": {**gate.as_dict(), "normalRowsFrom": prepared.held_out.source},
        "memory": memory,
        "warnings": result["warnings"],
        "result": result,
    }


def _quantization(integer: IntegerModel, gate: GateReport) -> dict[str, Any]:
    """How features become the integer model's inputs, and scores its integers."""
    return {
        "bits": integer.inputs.bits,
        "usedBits": integer.inputs.width,
        "headroom": gate.chosen.headroom,
        "reciprocal": integer.inputs.reciprocal.tolist(),
        "zeroPoint": integer.inputs.zero_point.tolist(),
        "scoreScale": integer.score_scale,
        "thresholdQ": integer.threshold_q,
    }


def _memory(source: Path, integer: IntegerModel) -> dict[str, Any]:
    """The memory of the C: measured where a compiler is there, else its arrays counted."""
    measured = measure_c(source)
    if measured is not None:
        return {
            "flashBytes": measured.flash_bytes,
            "ramBytes": measured.ram_bytes,
            "measuredWith": measured.measured_with,
        }
    return {
        "flashBytes": _array_bytes(integer),
        "ramBytes": 0,
        "measuredWith": "the model's arrays, counted: no C compiler is installed",
    }


def _array_bytes(integer: IntegerModel) -> int:
    """Bytes of the arrays of a model as its C stores them, without code and padding."""
    width = integer.axes.size
    # Axis, reciprocal and zero point of each input; offset and radius or shift of each part.
    inputs, each = 10 * width, width * integer.inputs.bits // 8 + 8
    if isinstance(integer, IntegerGmm):
        return inputs + len(integer.offsets) * (each + width * (width + 1))
    return inputs + len(integer.radii) * each
