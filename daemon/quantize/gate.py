"""The accept gate: which integer model stands for a float model, and whether any may."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.models.anomaly import AnomalyModel, GmmModel
from daemon.quantize.agreement import roc_auc, spearman
from daemon.quantize.anomaly import IntegerModel, quantize
from daemon.quantize.synthetic import far_rows, synthetic_anomalies

FloatArray = npt.NDArray[np.float64]

TRIES = ((8, 2.0), (8, 4.0), (8, 8.0), (16, 8.0), (16, 4.0), (16, 2.0))
"""Bits and headroom, in the order in which they are tried: 8 bits first, the finest first. 16 bits are
fine enough to start with the widest range."""

_SATURATED = 0.01
"""A wider range of 8 bits is coarser: it is tried only where more rows than this share saturate."""

_ROWS = 1024
"""Rows of each sort that a try is judged on, at most: a hundredth of a second a try."""

_FAR_ROWS = 64


@dataclass(frozen=True)
class Bounds:
    """What an integer model must keep to.

    Attributes
    ----------
    agreement : float
        Least share of rows on which its decision is the float model's. Stricter than the 99 % that users are
        promised, because it is judged on a sample.
    spearman : float
        Least rank correlation of the scores of normal and synthetic rows.
    auc_difference : float
        Largest difference of ROC-AUC, on synthetic anomalies and on labelled rows.
    likelihood_error : float
        GMM: largest median error of the log-likelihood of normal rows, in nats. Users are promised 0.3; but
        16 bits are far better, cost no instruction, and anomalies nobody has labelled may be subtle.
    normal_spearman : float
        8 bits: least rank correlation of the scores of the normal rows alone. Anomalies that nobody has
        labelled, little more than normal, would get lost in the noise of coarse inputs.
    """

    agreement: float = 0.995
    spearman: float = 0.99
    auc_difference: float = 0.005
    likelihood_error: float = 0.05
    normal_spearman: float = 0.998


@dataclass(frozen=True)
class Attempt:
    """One integer model that was tried.

    Attributes
    ----------
    bits : int
    headroom : float
    agreement, spearman, normal_spearman : float
        See :class:`Bounds`.
    auc_float, auc_integer : float
        ROC-AUC of both models; on labelled rows where both labels are there, else on synthetic anomalies.
    auc_difference : float
        The larger of the absolute differences on either.
    score_error : float
        Median absolute error on normal rows, in units of the score.
    likelihood_error : float or None
        The same in nats, for a GMM.
    saturated : float
        Share of the rows, far ones aside, of which an input saturates.
    far_missed : int
        Rows 100 to 1000 standard deviations off that the float model finds and this one does not.
    failed : tuple of str
        The bounds that it broke.
    """

    bits: int
    headroom: float
    agreement: float
    spearman: float
    normal_spearman: float
    auc_float: float
    auc_integer: float
    auc_difference: float
    score_error: float
    likelihood_error: float | None
    saturated: float
    far_missed: int
    failed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it broke no bound."""
        return not self.failed


@dataclass(frozen=True)
class GateReport:
    """What the gate saw.

    Attributes
    ----------
    passed : bool
        Whether an integer model may stand for the float model.
    chosen : Attempt
        The one that was taken; where none passed, the one that broke the fewest bounds.
    attempts : tuple of Attempt
        All, in order.
    bounds : Bounds
    normal_rows, synthetic_rows, labelled_rows : int
        How many rows of each sort were judged on.
    """

    passed: bool
    chosen: Attempt
    attempts: tuple[Attempt, ...]
    bounds: Bounds
    normal_rows: int
    synthetic_rows: int
    labelled_rows: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data: numbers, strings, lists and dictionaries."""
        return {**asdict(self), "attempts": [asdict(attempt) for attempt in self.attempts]}


@dataclass(frozen=True)
class _Trial:
    """The rows to judge on, with the float model's scores: computed once for all tries."""

    model: AnomalyModel
    normal: FloatArray
    synthetic: FloatArray
    labelled: FloatArray
    labels: npt.NDArray[np.bool_]
    far: FloatArray
    scores: FloatArray

    @property
    def rows(self) -> FloatArray:
        return np.concatenate([self.normal, self.synthetic, self.labelled, self.far])

    def judge(self, integer: IntegerModel, bits: int, headroom: float, bounds: Bounds) -> Attempt:
        """Compare an integer model with the float model."""
        scores = integer.score(self.rows).astype(np.float64)
        inputs = integer.quantize(self.rows)
        at_limit = ((inputs == integer.inputs.low) | (inputs == integer.inputs.high)).any(axis=1)
        decided, wanted = scores >= self.model.threshold, self.scores >= self.model.threshold
        near = len(self.rows) - len(self.far)
        mixed = len(self.normal) + len(self.synthetic)
        error = float(np.median(np.abs(scores - self.scores)[: len(self.normal)]))
        nats = error * self.model.ll_std if isinstance(self.model, GmmModel) else None

        positive = np.arange(mixed) >= len(self.normal)
        pairs = [(self.scores[:mixed], scores[:mixed], positive)]
        if self.labels.any() and not self.labels.all():
            pairs.append((self.scores[mixed:near], scores[mixed:near], self.labels))
        areas = [(roc_auc(before, mask), roc_auc(after, mask)) for before, after, mask in pairs]
        attempt = {
            "agreement": float(np.mean(decided[:near] == wanted[:near])),
            "spearman": spearman(self.scores[:mixed], scores[:mixed]),
            "normal_spearman": spearman(self.scores[: len(self.normal)], scores[: len(self.normal)]),
            "auc_difference": max(abs(after - before) for before, after in areas),
            "far_missed": int(np.sum(wanted[near:] & ~decided[near:])),
        }
        broken = {
            "agreement": attempt["agreement"] < bounds.agreement,
            "spearman": attempt["spearman"] < bounds.spearman,
            "normal_spearman": bits == 8 and attempt["normal_spearman"] < bounds.normal_spearman,
            "auc_difference": attempt["auc_difference"] > bounds.auc_difference,
            "likelihood_error": nats is not None and nats > bounds.likelihood_error,
            "far_missed": attempt["far_missed"] > 0,
        }
        return Attempt(
            bits=bits,
            headroom=headroom,
            agreement=attempt["agreement"],
            spearman=attempt["spearman"],
            normal_spearman=attempt["normal_spearman"],
            auc_float=areas[-1][0],
            auc_integer=areas[-1][1],
            auc_difference=attempt["auc_difference"],
            score_error=error,
            likelihood_error=nats,
            saturated=float(np.mean(at_limit[:near])),
            far_missed=int(attempt["far_missed"]),
            failed=tuple(name for name, is_broken in broken.items() if is_broken),
        )


def _some(rows: FloatArray, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Indexes of at most ``_ROWS`` rows, in order."""
    return np.sort(rng.permutation(len(rows))[:_ROWS])


def _own_deviation(model: AnomalyModel) -> FloatArray:
    """Standard deviation of each feature as the model has it: (d,) float64, in the features' units.

    A mixture gives a constant feature no more than its regularisation. Whole units are then hundreds of its
    deviations: inputs saturate there, as they shall, and do not rank such rows any more.
    """
    if not isinstance(model, GmmModel):
        return model.scale
    center = model.weights @ model.means
    variances = np.diagonal(model.covariances, axis1=1, axis2=2)
    return np.asarray(model.scale * np.sqrt(model.weights @ (variances + (model.means - center) ** 2)))


def choose(
    model: AnomalyModel,
    train: FloatArray,
    *,
    holdout: FloatArray | None = None,
    labelled: FloatArray | None = None,
    labels: npt.NDArray[np.bool_] | None = None,
    bounds: Bounds | None = None,
    seed: int = 3,
    bits_first: int = 8,
) -> tuple[IntegerModel, GateReport]:
    """Try integer models until one keeps to the bounds.

    Judged on at most 1,024 rows of each sort: normal rows that were held out (training rows where none were),
    synthetic anomalies made of them, and labelled rows; and on rows far outside, which must not be missed.

    Parameters
    ----------
    model : KMeansModel or GmmModel
        With its threshold set.
    train : (n, d) float64
        Training rows; they set the range of the inputs.
    holdout : (m, d) float64, optional
        Normal rows that were not trained on.
    labelled : (l, d) float64, optional
        Rows of known kind.
    labels : (l,) bool, optional
        True where a labelled row is an anomaly.
    bounds : Bounds, optional
    seed : int
        Of the synthetic rows, and of the choice of rows.
    bits_first : {8, 16}
        Width of inputs that is tried before the other: that of an earlier version, whose code then stays.

    Returns
    -------
    IntegerKMeans or IntegerGmm, GateReport
        The first that passes; else, with ``passed`` false, the one that broke the fewest bounds.
    """
    limits = bounds or Bounds()
    rng = np.random.default_rng(seed)
    normal = train if holdout is None or len(holdout) == 0 else holdout
    normal = normal[_some(normal, rng)]
    synthetic = synthetic_anomalies(normal, _ROWS, rng, constant=_own_deviation(model))
    if labelled is None or labels is None:
        labelled, labels = np.empty((0, train.shape[1])), np.empty(0, dtype=np.bool_)
    picked = _some(labelled, rng)
    far = far_rows(normal, _FAR_ROWS, rng)
    judged = np.concatenate([normal, synthetic, labelled[picked], far])
    trial = _Trial(model, normal, synthetic, labelled[picked], labels[picked], far, model.score(judged))

    tried: list[tuple[IntegerModel, Attempt]] = []
    for bits, headroom in sorted(TRIES, key=lambda a_try: a_try[0] != bits_first):
        if bits == 8 and tried and tried[-1][1].bits == 8 and tried[-1][1].saturated <= _SATURATED:
            continue
        integer = quantize(model, train, bits=bits, headroom=headroom)
        tried.append((integer, trial.judge(integer, bits, headroom, limits)))
        if tried[-1][1].passed:
            break
    integer, chosen = min(tried, key=lambda pair: len(pair[1].failed))
    return integer, GateReport(
        passed=chosen.passed,
        chosen=chosen,
        attempts=tuple(attempt for _, attempt in tried),
        bounds=limits,
        normal_rows=len(normal),
        synthetic_rows=len(synthetic),
        labelled_rows=len(picked),
    )
