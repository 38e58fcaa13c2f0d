"""One training, from the stored rows to a complete version directory: the straight line.

dataset -> features -> trainer -> threshold -> quantizer and its gate -> figures -> C -> report -> manifest.
Runs in the worker process.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from daemon.artefacts import Trained, describe, write_artefacts, write_report
from daemon.errors import GateFailed
from daemon.evaluation import Judge, evaluate, suggest_threshold
from daemon.frame_preparation import prepare_frame
from daemon.models.anomaly import AnomalyModel
from daemon.models.manifest import complete_version
from daemon.preparation import Prepared, prepare
from daemon.quantize.anomaly import IntegerModel
from daemon.quantize.gate import Bounds, GateReport, choose
from daemon.quantize.synthetic import synthetic_anomalies
from daemon.trainers.base import load_trainer
from daemon.weights import take_weights
from daemon.wire.worker import Spec

#: Made anomalies that the figures are computed on.
_SYNTHETIC_ROWS = 1000

#: Rows that are scored at once.
_AT_ONCE = 2048

#: Share of equal decisions that is aimed at, with many rows to judge by and with few.
_AIM, _AIM_FEW = 0.995, 0.999
_FEW_ROWS = 200

#: Largest median error of a GMM's log-likelihood on normal rows, in nats.
_MOST_NATS = 0.3

#: Standard deviations that training rows reach from their mean, where they say anything about a range.
_LEAST_REACH = 2.0


FloatRows = npt.NDArray[np.float32]


class Emitter(Protocol):
    """Where a job says how far it is; for a canceled job `progress` raises `JobCanceled`."""

    def progress(self, stage: str, fraction: float, metrics: dict[str, float] | None = None) -> None:
        """`fraction` (0..1) of `stage` is done."""

    def log(self, level: str, text: str) -> None:
        """Say something for the job's log."""


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
        The job's result: version, threshold, figures of each variant, warnings, ignored members, and what
        the trainer adds.

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
    prepared = prepare(spec) if spec.impulse is not None else prepare_frame(spec)
    emit.progress("prepare", 1.0, {"rows": float(len(prepared.task.rows))})

    emit.progress("train", 0.0)
    trained = train(spec, prepared)
    warnings = prepared.warnings + trained.fitted.warnings
    for warning in warnings:
        emit.log("warn", warning)
    emit.progress("train", 1.0, trained.fitted.metrics)

    emit.progress("quantize", 0.0)
    integer, gate = quantize(spec, prepared, trained.model)
    if integer is None:
        warnings.append(f"no int8 model and no C were made: {_failure(gate)}")
        emit.log("warn", warnings[-1])
    emit.progress("quantize", 1.0, {"bits": float(gate.chosen.bits), "agreement": gate.chosen.agreement})

    emit.progress("evaluate", 0.0)
    synthetic = make_anomalies(spec, prepared)
    metrics = judge(prepared, trained.model, integer, synthetic)
    emit.progress("evaluate", 1.0, metrics.get("int8", metrics["float64"]))

    emit.progress("export", 0.0)
    result = {
        **trained.fitted.result,
        "version": spec.version,
        "threshold": trained.model.threshold,
        "thresholdSource": prepared.settings.threshold_source,
        "suggestedThreshold": trained.suggested,
        "clusterCount": prepared.task.cluster_count,
        "inputBits": None if integer is None else gate.chosen.bits,
        "metrics": metrics,
        "warnings": warnings,
        "ignored": prepared.settings.ignored,
    }
    directory = Path(spec.staging_dir)
    extras = write_artefacts(directory, prepared, trained, integer)
    manifest = describe(spec, prepared, trained, integer, gate, extras.memory, result)
    if integer is not None:
        write_report(directory, manifest, prepared, trained, integer, synthetic, extras.embedding)
    complete_version(directory, manifest)
    emit.progress("export", 1.0)
    return result


def train(spec: Spec, prepared: Prepared) -> Trained:
    """Fit the float model, or take an earlier version's, and set its threshold."""
    if spec.weights is None:
        fitted = load_trainer(prepared.entry).fit(prepared.task)
    else:
        fitted = take_weights(Path(spec.weights), prepared.digest)
    scores = fitted.model.score(prepared.known.training)
    suggested = suggest_threshold(scores, fitted.score_error)
    threshold = suggested if prepared.settings.threshold is None else prepared.settings.threshold
    return Trained(replace(fitted.model, threshold=threshold), fitted, scores, suggested)


def quantize(spec: Spec, prepared: Prepared, model: AnomalyModel) -> tuple[IntegerModel | None, GateReport]:
    """Choose the integer model that the gate accepts.

    Rows are a sample, the fewer the less they tell: first an integer model is looked for that decides
    alike on more of them than the configuration asks for. Finer inputs cost a microcontroller little.

    Returns
    -------
    IntegerKMeans, IntegerGmm or None, GateReport
        None where none is accepted and the training may do without.

    Raises
    ------
    GateFailed
        None is accepted by the configured bounds either, and the training needs one.
    """
    known, held_out = prepared.known, prepared.held_out
    labels = np.arange(len(held_out.normal) + len(known.anomalous)) >= len(held_out.normal)
    aim = _AIM_FEW if len(held_out.normal) < _FEW_ROWS else _AIM
    configured = Bounds(
        agreement=spec.gate.min_agreement,
        spearman=spec.gate.min_spearman,
        auc_difference=spec.gate.max_auc_difference,
        likelihood_error=_MOST_NATS,
    )
    aimed_at = replace(
        configured,
        agreement=max(aim, spec.gate.min_agreement),
        likelihood_error=Bounds().likelihood_error,
    )
    for bounds in (aimed_at, configured):
        integer, report = choose(
            model,
            _with_spread(held_out.calibration.astype(np.float64), model),
            holdout=held_out.normal.astype(np.float64),
            labelled=np.concatenate([held_out.normal, known.anomalous]).astype(np.float64),
            labels=labels,
            bounds=bounds,
            seed=spec.seed,
            bits_first=spec.input_bits,
        )
        if report.passed:
            return integer, report
    if prepared.needs_int8:
        raise GateFailed(_failure(report), details={"gate": report.as_dict()})
    return None, report


def _with_spread(rows: npt.NDArray[np.float64], model: AnomalyModel) -> npt.NDArray[np.float64]:
    """Rows to choose integer scales by, with two more where they are so alike that they span no range."""
    if np.abs((rows - model.mean) / model.scale).max() >= _LEAST_REACH:
        return rows
    reach = 2 * _LEAST_REACH * model.scale
    return np.concatenate([rows, [model.mean - reach, model.mean + reach]])


def make_anomalies(spec: Spec, prepared: Prepared) -> FloatRows:
    """Anomalies made of normal rows, for projects that have recorded none."""
    random = np.random.default_rng(spec.seed)
    outside = prepared.known.outside.astype(np.float64)
    return synthetic_anomalies(outside, _SYNTHETIC_ROWS, random).astype(np.float32)


def judge(
    prepared: Prepared, model: AnomalyModel, integer: IntegerModel | None, synthetic: FloatRows
) -> dict[str, dict[str, float]]:
    """Figures of each variant that there is, on all rows of which something is known."""

    def by(model: AnomalyModel | IntegerModel) -> Judge:
        def judge_rows(rows: FloatRows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
            # In parts: distances of all rows from all clusters at once could take more memory than there is.
            parts = [model.score(rows[start : start + _AT_ONCE]) for start in range(0, len(rows), _AT_ONCE)]
            scores = np.concatenate(parts).astype(np.float64)
            return scores, scores >= model.threshold

        return judge_rows

    variants = {"float64": by(model)}
    if integer is not None:
        variants["int8"] = by(integer)
    return {variant: evaluate(judged, prepared.known, synthetic) for variant, judged in variants.items()}


def _failure(report: GateReport) -> str:
    """What broke the gate, in one sentence, with the figures of the best attempt."""
    best, bounds = report.chosen, report.bounds
    nats = best.likelihood_error or 0.0
    figures = {
        "agreement": f"decides like it on {best.agreement:.2%} of the rows ({bounds.agreement:.2%} at least)",
        "spearman": f"ranks like it by {best.spearman:.4f} ({bounds.spearman} at least)",
        "normal_spearman": (
            f"ranks normal rows like it by {best.normal_spearman:.4f} ({bounds.normal_spearman} at least)"
        ),
        "auc_difference": f"is off by {best.auc_difference:.4f} of ROC-AUC ({bounds.auc_difference} at most)",
        "likelihood_error": f"is off by {nats:.3f} nat ({bounds.likelihood_error} at most)",
        "far_missed": f"misses {best.far_missed} rows far outside the training rows",
    }
    told = ", ".join(figures[name] for name in best.failed)
    return f"no integer model is close enough to the float model: the best, of {best.bits} bits, {told}"
