"""The training of a network, from the stored rows to a complete version directory: the straight line.

dataset -> features -> examples -> network -> epochs -> int8 and gate -> figures -> C -> report -> manifest.
Runs in the worker process.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from daemon.models.description import package_versions
from daemon.models.manifest import complete_version
from daemon.networks import expert
from daemon.networks.akida.variant import make_akida_variant
from daemon.networks.artefacts import PACKAGES, Trained, describe, write_artefacts
from daemon.networks.evaluation import figures, float_predict
from daemon.networks.folds import cross_validate
from daemon.networks.preparation import Prepared, prepare
from daemon.networks.progress import Emitter, EpochTeller
from daemon.networks.quantizing import accept, ask, given, objective_of, quantize
from daemon.networks.reporting import worst_rows, write_report
from daemon.networks.scores import Answers
from daemon.quantize.network import convert_float
from daemon.trainers.keras.checkpoint import Checkpoints
from daemon.trainers.keras.epoch import gains_by_xla
from daemon.trainers.keras.fit import History, Phase, fit
from daemon.trainers.keras.memory import check_memory, estimate_memory
from daemon.trainers.keras.network import build_model, build_optimizer
from daemon.trainers.keras.runtime import reseed, settle_processor
from daemon.trainers.keras.transfer import build_transfer_model, transfer_phases
from daemon.wire.worker import CHECKPOINT, Spec


def run(spec: Spec, emit: Emitter) -> dict[str, Any]:
    """Train, quantize, judge and export one version.

    Parameters
    ----------
    spec : Spec
        The job; its ``staging_dir`` is empty, and complete and on disk afterwards.
    emit : Emitter
        Hears of stages, epochs and warnings.

    Returns
    -------
    dict
        The job's result: version, best epoch, figures of each variant, warnings, ignored members.

    Raises
    ------
    DatasetError, TrainingError
        Rows or settings are at fault, or the fit gives up.
    GateFailed
        int8 loses too much; the figures are in its details.
    ExportError
        The network cannot be written as C.
    """
    began = time.monotonic()
    emit.enter("prepare")
    prepared = prepare(spec)
    if prepared.settings.mode == "visual":
        settle_processor(prepared.settings.processor)
    rows = len(prepared.training) + len(prepared.validation) + len(prepared.testing)
    rows += 0 if prepared.folds is None else len(prepared.folds.examples)
    estimate = estimate_memory(
        prepared.settings.layers,
        prepared.input_shape,
        prepared.training.targets.shape[1],
        rows,
        prepared.settings.batch_size,
    )
    emit.log("info", f"the training will take {estimate} of memory")
    check_memory(estimate, spec.limits.memory_bytes)

    emit.enter("train")
    folds: dict[str, Any] | None = None
    if prepared.settings.mode == "expert":
        trained = expert.train(spec, prepared, emit)
        answers = {name: ask(prepared, by) for name, by in expert.predicts(spec, trained).items()}
        choice = given(spec, prepared, trained.int8, answers)
    else:
        if prepared.folds is None:
            model, history = train(spec, prepared, emit)
        else:
            validated = cross_validate(spec, prepared, emit, train)
            prepared, model, history = validated.prepared, validated.model, validated.history
            folds = validated.metadata

        emit.progress("quantize", 0.0)
        floats = ask(prepared, float_predict(model))
        choice = quantize(spec, prepared, model, floats, emit)
        trained = Trained(model, history, convert_float(model), choice.data)
        answers = {"float32": floats, "int8": choice.answers}
    accept(choice, emit)
    if prepared.settings.mode == "visual":
        trained = replace(trained, akida=make_akida_variant(spec, prepared, emit, began))
    if trained.akida is not None and trained.akida.warning is not None:
        emit.log("warn", f"{trained.akida.warning}; the int8 network is made all the same")
        prepared.warnings.append(trained.akida.warning)

    emit.progress("evaluate", 0.0)
    metrics = judge(answers, classifies=prepared.entry.classifies)
    emit.progress("evaluate", 1.0, metrics["int8"])

    emit.progress("export", 0.0)
    result = {
        "version": spec.version,
        "classes": list(prepared.classes),
        "bestEpoch": trained.history.best,
        "quantization": choice.chosen.method,
        "metrics": metrics,
        "warnings": prepared.warnings,
        "ignored": prepared.settings.ignored,
    }
    directory = Path(spec.staging_dir)
    costs, metadata = write_artefacts(directory, prepared, trained, answers, folds)
    said = {variant: sides["validation"] for variant, sides in answers.items()}
    described = describe(spec, prepared, trained, choice, costs, result)
    manifest = {**described, "worst": worst_rows(prepared, said)}
    write_report(directory, manifest, metadata, None if prepared.entry.classifies else said)
    complete_version(directory, manifest)
    emit.progress("export", 1.0)
    return result


def train(spec: Spec, prepared: Prepared, emit: Emitter, checkpoint: str = CHECKPOINT) -> tuple[Any, History]:
    """Fit the network, epoch by epoch; it has the weights of the best one."""
    settings, classifies = prepared.settings, prepared.entry.classifies
    reseed(spec.seed)
    outputs = prepared.training.targets.shape[1]
    make_optimizer = partial(build_optimizer, settings.learning_rate, learned=settings.learned_optimizer)
    if prepared.weights is not None:
        (placed,) = settings.layers
        model = build_transfer_model(
            placed, prepared.input_shape, outputs, prepared.weights, classifies=classifies
        )
        phases = transfer_phases(settings.epochs, make_optimizer)
    else:
        model = build_model(settings.layers, prepared.input_shape, outputs, classifies=classifies)
        phases = [Phase(settings.epochs, make_optimizer)]
    history = fit(
        model,
        phases,
        prepared.training,
        prepared.validation,
        objective_of(prepared),
        seed=spec.seed,
        xla=gains_by_xla(settings.layers, settings.epochs * len(prepared.training) / settings.batch_size),
        hear=EpochTeller(emit, spec.limits.seconds),
        checkpoints=Checkpoints(Path(spec.staging_dir).parent / checkpoint, _identity(spec, prepared)),
    )
    prepared.warnings.extend(history.warnings)
    best = history.epochs[history.best - 1]["val_loss"]
    emit.log(
        "info", f"epoch {history.best} of {len(history.epochs)} is kept: its validation loss is {best:.4g}"
    )
    return model, history


def _identity(spec: Spec, prepared: Prepared) -> str:
    """What a checkpoint is of: another request, other rows or other packages make another fit."""
    packages = package_versions(*PACKAGES)
    said = [spec.request, spec.learn_block, spec.seed, spec.limits.threads, prepared.digest, packages]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def judge(answers: dict[str, dict[str, Answers]], *, classifies: bool) -> dict[str, dict[str, float]]:
    """Figures of each variant on the rows of each side: ``validationAccuracy`` and so on."""
    return {
        variant: {
            f"{side}{name[0].upper()}{name[1:]}": figure
            for side, said in sides.items()
            for name, figure in figures(said, classifies=classifies).items()
        }
        for variant, sides in answers.items()
    }
