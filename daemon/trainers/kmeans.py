"""K-means as Edge Impulse trains it: standardised axes, Euclidean distance, a radius for each cluster."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from daemon.models.anomaly import KMeansModel
from daemon.trainers.base import AnomalyTask, AnomalyTrainer, Fitted
from daemon.trainers.fitting import reproducible_fit

#: Restarts of the algorithm, the best of which is kept. Edge Impulse does not publish its own.
N_INIT = 10


class Trainer(AnomalyTrainer):
    """scikit-learn's K-means, k-means++ start, ten restarts."""

    def fit(self, task: AnomalyTask) -> Fitted:
        """Fit clusters; the radius of each is the largest distance of a training row that belongs to it."""
        scaler = StandardScaler().fit(task.rows)
        scaled = scaler.transform(task.rows)
        algorithm = KMeans(n_clusters=task.cluster_count, n_init=N_INIT, random_state=task.seed)
        with reproducible_fit() as warnings:
            algorithm.fit(scaled)
        centroids = algorithm.cluster_centers_
        distances = np.sqrt(((scaled - centroids[algorithm.labels_]) ** 2).sum(axis=1))
        radii = np.zeros(task.cluster_count)
        np.maximum.at(radii, algorithm.labels_, distances)
        return Fitted(
            model=KMeansModel(
                axes=task.axes,
                mean=scaler.mean_,
                scale=scaler.scale_,
                centroids=centroids,
                radii=radii,
                threshold=0.0,
                scoring=cast(Literal["edge", "distance"], task.options["score"]),
            ),
            metrics={"inertia": float(algorithm.inertia_), "iterations": float(algorithm.n_iter_)},
            warnings=warnings,
        )
