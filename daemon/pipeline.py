"""One training, from the stored rows to a complete version directory: the straight line.

dataset -> features -> trainer -> threshold -> quantizer and its gate -> figures -> C -> manifest.
Runs in the worker process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from daemon.errors import ExportError, GateFailed
from daemon.models import embedding, metadata
from daemon.models.anomaly import AnomalyModel
from daemon.models.description import describe
from daemon.models.evaluation import evaluate, suggest_threshold
from daemon.models.manifest import complete_version, write_json
from daemon.preparation import Prepared, prepare
from daemon.quantize.gate import choose
from daemon.trainers.base import load_trainer
from daemon.wire.worker import Spec
from firmware_export.anomaly import export
from firmware_export.errors import FirmwareExportError


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
