"""One training, from the stored rows to a complete version directory: the straight line.

dataset -> features -> trainer -> threshold -> quantizer and its gate -> figures -> C -> manifest.
Runs in the worker process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from daemon.data.index import utc_now
from daemon.models import embedding
from daemon.models.anomaly import AnomalyModel
from daemon.models.description import describe_inputs, describe_score, package_versions
from daemon.models.evaluation import Judge, evaluate, suggest_threshold
from daemon.models.manifest import complete_version, write_json
from daemon.models.metadata import anomaly_metadata
from daemon.models.registry import METADATA
from daemon.preparation import Prepared, prepare
from daemon.quantize.anomaly import IntegerModel
from daemon.quantize.anomaly import quantize as quantize_model
from daemon.trainers.base import Fitted, load_trainer
from daemon.wire.worker import Spec


class Emitter(Protocol):
    """Where a job says how far it is; for a canceled job `progress` raises `JobCanceled`."""

    def progress(self, stage: str, fraction: float, metrics: dict[str, float] | None = None) -> None:
        """`fraction` (0..1) of `stage` is done."""

    def log(self, level: str, text: str) -> None:
        """Say something for the job's log."""


@dataclass(frozen=True)
class Trained:
    """A float model with its threshold, and its scores of the training rows."""

    model: AnomalyModel
    fitted: Fitted
    training_scores: npt.NDArray[np.float64]
    suggested: float


def run(spec: Spec, emit: Emitter) -> dict[str, Any]:
    """Train, quantize, judge and export one version.

    Parameters
    ----------
    spec : Spec
        The job; its ``staging_dir`` is empty, and complete and on disk afterwards.
    emit : Emitter
        Hears of stages, figures and warnings.

    Returns
    -------
    dict
        The job's result: version, threshold, figures of each variant, warnings, ignored members.

    Raises
    ------
    DatasetError, TrainingError
        Rows or settings are at fault, or the fit gives up.
    GateFailed
        The integer model strays from the float model; the figures are in its details.
    ExportError
        The model cannot be written as C.
    """
    emit.progress("prepare", 0.0)
    prepared = prepare(spec)
    emit.progress("prepare", 1.0, {"rows": float(len(prepared.task.rows))})

    emit.progress("train", 0.0)
    trained = train(prepared)
    warnings = prepared.warnings + trained.fitted.warnings
    for warning in warnings:
        emit.log("warn", warning)
    emit.progress("train", 1.0, trained.fitted.metrics)

    emit.progress("quantize", 0.0)
    integer = quantize(prepared, trained.model)
    emit.progress("quantize", 1.0, {"bits": float(integer.inputs.bits)})

    emit.progress("evaluate", 0.0)
    metrics = {
        "float64": evaluate(_float_judge(trained.model), prepared.known),
        "int8": evaluate(_integer_judge(integer), prepared.known),
    }
    emit.progress(
        "evaluate", 1.0, {"rocAuc": metrics["int8"].get("rocAuc", metrics["int8"]["rocAucSynthetic"])}
    )

    emit.progress("export", 0.0)
    result = {
        "version": spec.version,
        "threshold": trained.model.threshold,
        "thresholdSource": prepared.settings.threshold_source,
        "suggestedThreshold": trained.suggested,
        "clusterCount": prepared.task.cluster_count,
        "metrics": metrics,
        "warnings": warnings,
        "ignored": prepared.settings.ignored,
    }
    directory = Path(spec.staging_dir)
    write_artifacts(directory, prepared, trained, integer)
    complete_version(directory, describe(spec, prepared, trained, integer, result))
    emit.progress("export", 1.0)
    return result


def train(prepared: Prepared) -> Trained:
    """Fit the float model and set its threshold."""
    fitted = load_trainer(prepared.entry).fit(prepared.task)
    scores = fitted.model.score(prepared.known.training)
    suggested = suggest_threshold(scores)
    threshold = suggested if prepared.settings.threshold is None else prepared.settings.threshold
    return Trained(replace(fitted.model, threshold=threshold), fitted, scores, suggested)


def quantize(prepared: Prepared, model: AnomalyModel) -> IntegerModel:
    """Make the integer model."""
    return quantize_model(model, prepared.judging.calibration.astype(np.float64), bits=16, headroom=4.0)


def write_artifacts(directory: Path, prepared: Prepared, trained: Trained, integer: IntegerModel) -> None:
    """Write everything of a version but its manifest."""
    trained.model.save(directory / "model.npz")
    integer.save(directory / "model_int8.npz")
    write_json(directory / METADATA, anomaly_metadata(trained.model, trained.suggested))
    if prepared.settings.embeddings_and_memory:
        rows = (prepared.task.rows - trained.model.mean) / trained.model.scale
        write_json(
            directory / embedding.FILE_NAME, embedding.embed(rows, trained.training_scores, prepared.labels)
        )


def describe(
    spec: Spec,
    prepared: Prepared,
    trained: Trained,
    integer: IntegerModel,
    result: dict[str, Any],
) -> dict[str, Any]:
    """The manifest of a version, but for its files."""
    known, judging, settings = prepared.known, prepared.judging, prepared.settings
    return {
        "projectId": spec.project_id,
        "learnId": spec.learn_id,
        "version": spec.version,
        "jobId": spec.job_id,
        "created": utc_now(),
        "name": prepared.learn_block.name,
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
        "seeds": {"training": spec.seed, "synthetic": spec.seed},
        "threads": spec.limits.threads,
        "packages": package_versions(),
        "inputs": describe_inputs(trained.model, prepared.inputs),
        "quantization": {
            "bits": integer.inputs.bits,
            "usedBits": integer.inputs.width,
            "reciprocal": [float(value) for value in integer.inputs.reciprocal],
            "zeroPoint": integer.inputs.zero_point.tolist(),
            "scoreScale": integer.score_scale,
            "thresholdQ": integer.threshold_q,
        },
        "score": describe_score(
            trained.model, trained.suggested, settings.threshold_source, trained.training_scores
        ),
        "fit": trained.fitted.metrics,
        "metrics": result["metrics"],
        "gate": {"normalRowsFrom": judging.source},
        "warnings": result["warnings"],
        "result": result,
    }


def _float_judge(model: AnomalyModel) -> Judge:
    def judge(rows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        scores = model.score(rows)
        return scores, scores >= model.threshold

    return judge


def _integer_judge(model: IntegerModel) -> Judge:
    def judge(rows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        return model.score(rows), model.is_anomaly(rows)

    return judge
