"""K-means against scikit-learn and against Edge Impulse's formula, computed as its C++ does."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from daemon.models.anomaly import KMeansModel
from daemon.trainers.table import TRAINERS
from tests.trainers.rows import Rows, blobs
from tests.trainers.test_contract import fit


def kmeans(score: str = "edge") -> tuple[Rows, KMeansModel]:
    rows = blobs(400, 5)
    model = fit(TRAINERS["anomaly"], rows, 8, score=score).model
    assert isinstance(model, KMeansModel)
    return rows, model


def test_the_fit_is_scikit_learns_on_the_same_rows() -> None:
    rows, model = kmeans()
    scaler = StandardScaler().fit(rows.astype(float))
    plain = KMeans(8, n_init=10, random_state=3).fit(scaler.transform(rows.astype(float)))
    assert np.array_equal(model.mean, scaler.mean_)
    assert np.array_equal(model.scale, scaler.scale_)
    assert model.centroids == pytest.approx(plain.cluster_centers_, abs=1e-12)


def test_the_score_is_edge_impulses() -> None:
    """``anomaly.h``: float32, one cluster after the other, starting from 1000."""
    rows, model = kmeans()
    tried = np.concatenate([rows[:50], rows[:50] * np.float32(3), rows[:2] * np.float32(1e6)])
    scale, mean = model.scale.astype(np.float32), model.mean.astype(np.float32)
    centroids, radii = model.centroids.astype(np.float32), model.radii.astype(np.float32)
    for row, score in zip(tried, model.score(tried), strict=True):
        lowest = np.float32(1000)
        for centroid, radius in zip(centroids, radii, strict=True):
            total = np.float32(0)
            for axis in range(len(row)):
                total += np.float32((row[axis] - mean[axis]) / scale[axis] - centroid[axis]) ** 2
            lowest = min(lowest, np.sqrt(total) - radius)
        assert score == pytest.approx(lowest, rel=1e-4, abs=1e-4)


def test_no_training_row_is_outside_its_cluster_and_one_is_on_each_edge() -> None:
    rows, model = kmeans()
    scaled = (rows - model.mean) / model.scale
    distances = np.linalg.norm(scaled[:, None] - model.centroids, axis=2)
    assert model.score(rows).max() <= 1e-9
    nearest = distances.argmin(axis=1)
    for cluster in range(8):
        assert distances[nearest == cluster, cluster].max() == pytest.approx(model.radii[cluster])


def test_plain_distance_is_an_option() -> None:
    rows, model = kmeans(score="distance")
    scaled = (rows - model.mean) / model.scale
    distances = np.linalg.norm(scaled[:, None] - model.centroids, axis=2)
    assert model.score(rows) == pytest.approx(distances.min(axis=1))


def test_another_seed_is_heeded() -> None:
    rows = blobs(400, 5)
    first, second = (vars(fit(TRAINERS["anomaly"], rows, 8, seed=seed).model) for seed in (3, 4))
    assert not np.array_equal(first["centroids"], second["centroids"])
