"""ROC-AUC of the compiled C against the float64 model it was made from, on real data.

``python -m benchmarks.anomaly_auc`` prints one line for each set and model: the AUC of the float64 model,
the range of plain scikit-learn fits over five seeds (the job's own among them), the AUC of the C (host
compiler, this machine) and its distance, the share of equal decisions on the rows to judge, the share of
training rows flagged, and for a GMM the median error of the C's score on them, in nats. The trainings are
whole jobs. Recordings are read where they are (``TRAINERD_DATA``); the sets of scikit-learn are always
there.
"""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.anomaly_sets import AnomalySet, anomaly_sets
from benchmarks.job_overhead import job_spec, store
from daemon import pipeline
from daemon.models import anomaly
from daemon.quantize.agreement import roc_auc
from daemon.trainers.base import AnomalyTask, load_trainer
from daemon.trainers.table import TRAINERS

#: What an export must keep to.
AUC_BAR, AGREEMENT_BAR, FLAGGED_BAR, NATS_BAR = 0.005, 0.99, 0.02, 0.3

_MODELS = (("anomaly", 8), ("anomaly", 32), ("anomaly-gmm", 4))
_SEEDS = range(5)

_LOOP = """
#include "model.h"
void judge(const float *rows, size_t count, float *scores, int *flags) {
  for (size_t i = 0; i < count; i++) {
    scores[i] = model_score(rows + i * MODEL_INPUT_LEN);
    flags[i] = model_is_anomaly(rows + i * MODEL_INPUT_LEN);
  }
}
"""


class Silent:
    """Nobody listens to these jobs."""

    def progress(self, stage: str, fraction: float, metrics: dict[str, float] | None = None) -> None:
        """Say nothing."""

    def log(self, level: str, text: str) -> None:
        """Say nothing."""


class CompiledModel:
    """The C of a version, as a library of this process.

    Parameters
    ----------
    version : Path
        The version's directory; its C is called ``model``.
    """

    def __init__(self, version: Path) -> None:
        self._source = version / "c"
        self._library = version / "model.so"

    def judge(self, rows: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Scores and decisions of rows: (n, d) to (n,) and (n,)."""
        loop = self._source / "loop.c"
        loop.write_text(_LOOP)
        command = ["gcc", "-std=c99", "-O2", "-shared", "-fPIC", "-o", str(self._library)]
        subprocess.run([*command, str(loop), str(self._source / "model.c"), "-lm"], check=True)
        given = np.ascontiguousarray(rows, np.float32)
        scores, flags = np.empty(len(given), np.float32), np.empty(len(given), np.intc)
        arrays = [array.ctypes.data_as(ctypes.c_void_p) for array in (given, scores, flags)]
        ctypes.CDLL(str(self._library)).judge(arrays[0], ctypes.c_size_t(len(given)), arrays[1], arrays[2])
        return scores, flags.astype(bool)


@dataclass(frozen=True)
class Line:
    """Figures of one model of one set."""

    float_auc: float
    seeds: tuple[float, float]
    c_auc: float
    agreement: float
    flagged: float
    bits: int
    nats: float | None

    @property
    def holds(self) -> bool:
        """Whether it keeps to every bar."""
        within = self.seeds[0] - 1e-9 <= self.float_auc <= self.seeds[1] + 1e-9
        near = abs(self.c_auc - self.float_auc) <= AUC_BAR
        right = self.agreement >= AGREEMENT_BAR and (self.nats is None or self.nats <= NATS_BAR)
        return within and near and right and self.flagged <= FLAGGED_BAR


def seed_range(data: AnomalySet, kind: str, clusters: int) -> tuple[float, float]:
    """Smallest and largest AUC of plain fits with other seeds."""
    entry = TRAINERS[kind]
    options = {name: values[0] for name, values in entry.options.items()}
    axes = np.arange(data.train.shape[1], dtype=np.uint16)
    areas = []
    for seed in _SEEDS:
        fitted = load_trainer(entry).fit(AnomalyTask(axes, data.train, clusters, options, seed))
        areas.append(roc_auc(fitted.model.score(data.test), data.labels == 1))
    return min(areas), max(areas)


def measure(data: AnomalySet, kind: str, clusters: int) -> Line:
    """Train one model as a job, compile its C, and judge both."""
    clusters = min(clusters, len(data.train))
    with tempfile.TemporaryDirectory() as directory:
        database, version = Path(directory) / "trainerd.db", Path(directory) / "version"
        store(database, data.train.astype(np.float32))
        version.mkdir()
        result = pipeline.run(job_spec(database, version, kind, clusters, data.train.shape[1], 2), Silent())
        model = anomaly.load(version / "model.npz")
        compiled = CompiledModel(version)
        scores, flags = compiled.judge(np.concatenate([data.test, data.train]))
    wanted = model.score(data.test)
    judged = len(data.test)
    nats = None
    if isinstance(model, anomaly.GmmModel):
        nats = float(np.median(np.abs(scores[judged:] - model.score(data.train))) * model.ll_std)
    return Line(
        float_auc=roc_auc(wanted, data.labels == 1),
        seeds=seed_range(data, kind, clusters),
        c_auc=roc_auc(scores[:judged], data.labels == 1),
        agreement=float(np.mean(flags[:judged] == (wanted >= model.threshold))),
        flagged=float(flags[judged:].mean()),
        bits=result["inputBits"],
        nats=nats,
    )


def lines() -> Iterator[tuple[str, Line]]:
    """Every set with every model."""
    for data in anomaly_sets():
        for kind, clusters in _MODELS:
            yield f"{data.name}, {TRAINERS[kind].name} k={clusters}", measure(data, kind, clusters)


def main() -> None:
    """Measure and print."""
    heads = ("float AUC", "five seeds", "C AUC", "distance", "bits", "agree", "flagged", "nats")
    widths = (11, 15, 9, 10, 6, 9, 9, 8)
    print(
        f"{'set, model':<38}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True))
    )
    bars = (
        "",
        "around it",
        "",
        f"<= {AUC_BAR}",
        "",
        f">= {AGREEMENT_BAR}",
        f"<= {FLAGGED_BAR}",
        f"<= {NATS_BAR}",
    )
    print(f"{'bar':<38}" + "".join(f"{bar:>{width}}" for bar, width in zip(bars, widths, strict=True)))
    for name, line in lines():
        cells = (
            f"{line.float_auc:.4f}",
            f"{line.seeds[0]:.3f}-{line.seeds[1]:.3f}",
            f"{line.c_auc:.4f}",
            f"{line.c_auc - line.float_auc:+.4f}",
            str(line.bits),
            f"{line.agreement:.4f}",
            f"{line.flagged:.4f}",
            "" if line.nats is None else f"{line.nats:.3f}",
        )
        row = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        print(f"{name:<38}{row}  {'holds' if line.holds else 'FAILS'}", flush=True)


if __name__ == "__main__":
    main()
