"""ATK's Gaussian mixture: the expectation maximisation of Spark MLlib 1.x, in NumPy.

Unlike scikit-learn's: the tolerance is on the total log-likelihood, nothing is added to the covariances,
a singular one counts by its pseudo-inverse, and the start is drawn from the rows.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from daemon.errors import TrainingError
from daemon.models.anomaly import GmmModel
from daemon.models.atk import FILE_NAME, AtkPredictor, FloatArray, Mixture, blocks
from daemon.trainers.atk_result import cluster_size, numbers
from daemon.trainers.base import AnomalyTask, AnomalyTrainer, Fitted

#: Rows that a component's start is drawn from.
_SAMPLES = 5

#: Least variance, in units of the columns' own, in any direction of the model that becomes integers.
LEAST_VARIANCE = 1e-4

#: What the logarithms of an integer mixture are off by, in nats: enough to matter among a handful of rows.
_INTEGER_ERROR = 0.03

#: A column that deviates less is constant: its variance would be lost in float64.
_LEAST_DEVIATION = 1e-30

#: Least deviation of the rows' log-likelihood that means something, in nats.
LEAST_SPREAD = 1e-6


class Trainer(AnomalyTrainer):
    """Spark's GaussianMixture."""

    def fit(self, task: AnomalyTask) -> Fitted:
        """Fit components to the scaled columns."""
        options = task.options
        scalings = np.array(options["column_scalings"], float)
        rows = task.rows * scalings
        mixture, likelihood, iterations, converged = maximise(
            start(rows, task.cluster_count, task.seed),
            rows,
            max_iterations=options["max_iterations"],
            tolerance=options["convergence_tol"],
        )
        model, floored = _anomaly_model(task, mixture, scalings)
        warnings = []
        if not converged:
            warnings.append(
                f"not converged after max_iterations {iterations}: the log-likelihood still changes by more "
                f"than convergence_tol {options['convergence_tol']:g}"
            )
        if floored:
            which = ", ".join(str(component) for component in floored)
            warnings.append(
                f"the covariance of component {which} is singular, or nearly so: the anomaly model, its int8 "
                f"form and the C take a variance of {LEAST_VARIANCE:g} of the columns' own where there is "
                "less; result and predict keep to the covariance as it is. A smaller k, or no constant "
                "column, avoids it"
            )
        predictor = AtkPredictor(mixture, options["observation_columns"], scalings)
        return Fitted(
            model=model,
            metrics={
                "logLikelihood": likelihood,
                "iterations": float(iterations),
                "converged": float(converged),
            },
            warnings=warnings,
            result={
                "cluster_size": cluster_size(mixture.assign(rows), first=0),
                "weights": mixture.weights.tolist(),
                **numbers({"means": mixture.means, "covariances": mixture.covariances}, _as_text(mixture)),
                "log_likelihood": likelihood,
                "iterations": iterations,
                "converged": converged,
            },
            documents={FILE_NAME: predictor.document()},
            score_error=_INTEGER_ERROR / model.ll_std,
        )


def start(rows: FloatArray, k: int, seed: int) -> Mixture:
    """Where the iteration starts: k x 5 rows drawn with replacement, five for each component.

    Parameters
    ----------
    rows : (n, d) float64
        Scaled rows.
    k : int
        Components.
    seed : int
        Any int64; component i gets rows 5i to 5i + 4 of
        ``Generator(PCG64(seed mod 2**64)).integers(n, size=5 * k)``.
    """
    random = np.random.Generator(np.random.PCG64(seed % 2**64))
    drawn = rows[random.integers(len(rows), size=k * _SAMPLES)].reshape(k, _SAMPLES, rows.shape[1])
    covariances = np.zeros((k, rows.shape[1], rows.shape[1]))
    diagonal = np.arange(rows.shape[1])
    covariances[:, diagonal, diagonal] = drawn.var(axis=1)
    return Mixture(np.full(k, 1.0 / k), drawn.mean(axis=1), covariances)


def maximise(
    mixture: Mixture, rows: FloatArray, *, max_iterations: int, tolerance: float
) -> tuple[Mixture, float, int, bool]:
    """Expectation maximisation until the total log-likelihood changes by no more than `tolerance`.

    Parameters
    ----------
    mixture : Mixture
        The start.
    rows : (n, d) float64
        Scaled rows.
    max_iterations : int
        1 or more.
    tolerance : float
        Of the log-likelihood summed over all rows, in nats.

    Returns
    -------
    Mixture, float, int, bool
        The mixture, the total log-likelihood of the one before it (as Spark has it), how many iterations
        it took, and whether it converged.

    Raises
    ------
    TrainingError
        A density is beyond the range of a float64.
    """
    likelihood, iteration, change = -sys.float_info.max, 0, math.inf
    while iteration < max_iterations and change > tolerance:
        before = likelihood
        mixture, likelihood = _step(mixture, rows)
        change = abs(likelihood - before)
        iteration += 1
    return mixture, likelihood, iteration, change <= tolerance


def _step(mixture: Mixture, rows: FloatArray) -> tuple[Mixture, float]:
    """One iteration, and the total log-likelihood before it."""
    k, width = mixture.means.shape
    likelihood = 0.0
    mass, first, second = np.zeros(k), np.zeros((k, width)), np.zeros((k, width, width))
    for block in blocks(rows, k):
        weighted = mixture.weighted_densities(block)
        total = weighted.sum(axis=1)
        if not np.isfinite(total).all():
            raise TrainingError(
                "a component has become so narrow, on rows that are all alike, that its density is infinite: "
                "choose a smaller k, fewer max_iterations, or a larger convergence_tol"
            )
        likelihood += float(np.log(total).sum())
        shares = weighted / total[:, None]
        mass += shares.sum(axis=0)
        for component in range(k):
            # About the old mean: sums of squares about zero lose the digits of rows far from it.
            centred = block - mixture.means[component]
            share = shares[:, component, None]
            first[component] += (share * centred).sum(axis=0)
            second[component] += (share * centred).T @ centred
    moved = first / mass[:, None]
    covariances = second / mass[:, None, None] - np.einsum("ki,kj->kij", moved, moved)
    return Mixture(mass / mass.sum(), mixture.means + moved, covariances), likelihood


def _anomaly_model(task: AnomalyTask, mixture: Mixture, scalings: FloatArray) -> tuple[GmmModel, list[int]]:
    """The mixture on standardised columns, and the components whose covariance had to be widened."""
    mean, deviation = task.rows.mean(axis=0), task.rows.std(axis=0)
    scale = np.where(deviation > _LEAST_DEVIATION, deviation, 1.0)
    unit = scale * scalings
    values, vectors = np.linalg.eigh(mixture.covariances / np.outer(unit, unit))
    narrow = values.min(axis=1) < LEAST_VARIANCE
    covariances = mixture.covariances / np.outer(unit, unit)
    widened = np.einsum("kij,kj,klj->kil", vectors, np.maximum(values, LEAST_VARIANCE), vectors)
    model = GmmModel(
        axes=task.axes,
        mean=mean,
        scale=scale,
        weights=mixture.weights,
        means=(mixture.means / scalings - mean) / scale,
        covariances=np.where(narrow[:, None, None], widened, covariances),
        ll_mean=0.0,
        ll_std=1.0,
        threshold=0.0,
    )
    likelihood = model.log_likelihood(task.rows)
    spread = float(likelihood.std())
    # Rows that are all alike differ by rounding alone.
    model = replace(model, ll_mean=float(likelihood.mean()), ll_std=spread if spread > LEAST_SPREAD else 1.0)
    return model, np.flatnonzero(narrow).tolist()


def _as_text(mixture: Mixture) -> dict[str, Any]:
    """The components as ATK's real replies write them."""

    def lists(matrix: list[list[float]]) -> str:
        return ", ".join(f"List({', '.join(repr(value) for value in row)})" for row in matrix)

    return {
        "gaussians": [
            [f"mu:[{','.join(repr(value) for value in mean)}]", f"sigma:List({lists(covariance)})"]
            for mean, covariance in zip(mixture.means.tolist(), mixture.covariances.tolist(), strict=True)
        ]
    }
