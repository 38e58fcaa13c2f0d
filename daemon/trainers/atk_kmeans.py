"""ATK's K-means: Lloyd's algorithm as Spark MLlib 1.x runs it, from a k-means|| or a random start."""

from __future__ import annotations

import numpy as np

from daemon.models.anomaly import KMeansModel
from daemon.models.atk import FILE_NAME, AtkPredictor, Centers, FloatArray, IntArray
from daemon.trainers.atk_result import cluster_size, numbers
from daemon.trainers.base import AnomalyTask, AnomalyTrainer, Fitted

#: Rounds of k-means||, and of Lloyd's algorithm on what they picked: Spark's.
_ROUNDS = 5
_LOCAL_ITERATIONS = 30


class Trainer(AnomalyTrainer):
    """Spark's KMeans, one run."""

    def fit(self, task: AnomalyTask) -> Fitted:
        """Fit clusters to the scaled columns."""
        options = task.options
        scalings = np.array(options["column_scalings"], float)
        rows = task.rows * scalings
        random = np.random.Generator(np.random.PCG64(task.seed % 2**64))
        if options["initialization_mode"] == "random":
            begin = rows[random.integers(len(rows), size=task.cluster_count)]
        else:
            begin = parallel_start(rows, task.cluster_count, random)
        centers, iterations, converged = improve(
            Centers(begin), rows, max_iterations=options["max_iterations"], epsilon=options["epsilon"]
        )
        assigned, costs = centers.nearest(rows)
        cost = float(costs.sum())
        warnings = []
        if not converged:
            warnings.append(
                f"not converged after max_iterations {iterations}: a centre still moves by more than epsilon "
                f"{options['epsilon']:g}"
            )
        predictor = AtkPredictor(centers, options["observation_columns"], scalings)
        return Fitted(
            model=_anomaly_model(task, centers, scalings, assigned, costs),
            metrics={"inertia": cost, "iterations": float(iterations), "converged": float(converged)},
            warnings=warnings,
            result={
                "cluster_size": cluster_size(assigned, first=1),
                "within_set_sum_of_squared_error": cost,
                **numbers({"centers": centers.centers}),
                "iterations": iterations,
                "converged": converged,
            },
            documents={FILE_NAME: predictor.document()},
            deviations_of="the scaled columns, all taken together",
        )


def improve(
    centers: Centers, rows: FloatArray, *, max_iterations: int, epsilon: float
) -> tuple[Centers, int, bool]:
    """Lloyd's algorithm until no centre moves by more than `epsilon`.

    Parameters
    ----------
    centers : Centers
        The start.
    rows : (n, d) float64
        Scaled rows.
    max_iterations : int
        1 or more.
    epsilon : float
        In the unit of the scaled columns.

    Returns
    -------
    Centers, int, bool
        The centres, how many iterations it took, and whether it converged. A centre without rows stays.
    """
    for iteration in range(1, max_iterations + 1):
        assigned, _ = centers.nearest(rows)
        moved = Centers(_centroids(rows, np.ones(len(rows)), assigned, centers.centers))
        far = ((moved.centers - centers.centers) ** 2).sum(axis=1) > epsilon**2
        centers = moved
        if not far.any():
            return centers, iteration, True
    return centers, max_iterations, False


def parallel_start(rows: FloatArray, k: int, random: np.random.Generator) -> FloatArray:
    """The start of k-means||: rounds of drawing far rows, then k of them by weighted k-means++.

    Source: Bahmani et al., "Scalable K-Means++", 2012, as Spark runs it.

    Returns
    -------
    (k, d) float64
    """
    picked = rows[random.integers(len(rows), size=1)]
    _, costs = Centers(picked).nearest(rows)
    for _ in range(_ROUNDS):
        chosen = random.random(len(rows)) * costs.sum() < 2.0 * k * costs
        if chosen.any():
            picked = np.concatenate([picked, rows[chosen]])
            costs = np.minimum(costs, Centers(rows[chosen]).nearest(rows)[1])
    weights = np.bincount(Centers(picked).nearest(rows)[0], minlength=len(picked)).astype(float)
    centers = _plus_plus(picked, weights, k, random)
    for _ in range(_LOCAL_ITERATIONS):
        moved = _centroids(picked, weights, Centers(centers).nearest(picked)[0], centers)
        if np.array_equal(moved, centers):
            break
        centers = moved
    return centers


def _plus_plus(points: FloatArray, weights: FloatArray, k: int, random: np.random.Generator) -> FloatArray:
    """K-means++ on weighted points; where they are all taken, one is taken again."""
    chosen = [int(random.choice(len(points), p=weights / weights.sum()))]
    costs = np.full(len(points), np.inf)
    while len(chosen) < k:
        costs = np.minimum(costs, Centers(points[chosen[-1:]]).nearest(points)[1])
        chances = weights * costs
        total = chances.sum()
        chosen.append(int(random.choice(len(points), p=chances / total)) if total > 0 else chosen[0])
    return points[chosen]


def _centroids(
    points: FloatArray, weights: FloatArray, assigned: IntArray, centers: FloatArray
) -> FloatArray:
    """Weighted mean of the points of each centre; a centre without points stays."""
    mass = np.bincount(assigned, weights, minlength=len(centers))
    sums = [np.bincount(assigned, weights * column, minlength=len(centers)) for column in points.T]
    divided = np.stack(sums, axis=1) / np.where(mass > 0, mass, 1.0)[:, None]
    return np.where(mass[:, None] > 0, divided, centers)


def _anomaly_model(
    task: AnomalyTask, centers: Centers, scalings: FloatArray, assigned: IntArray, costs: FloatArray
) -> KMeansModel:
    """The same clusters about the mean of the rows, with the radius of each.

    The score has a cap and its threshold a floor, so it cannot be in the columns' own unit: it is in the
    root mean square of the scaled columns' deviations. One number for all keeps the clusters as they are.
    """
    mean, deviations = task.rows.mean(axis=0), task.rows.std(axis=0) * scalings
    unit = float(np.sqrt((deviations**2).mean())) or 1.0
    sizes = np.abs(scalings) / unit
    radii = np.zeros(len(centers.centers))
    np.maximum.at(radii, assigned, np.sqrt(costs) / unit)
    return KMeansModel(
        axes=task.axes,
        mean=mean,
        scale=1.0 / sizes,
        centroids=(centers.centers / scalings - mean) * sizes,
        radii=radii,
        threshold=0.0,
    )
