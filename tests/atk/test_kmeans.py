"""ATK's K-means against plain references, and what it tells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from daemon.errors import DatasetError
from daemon.models.anomaly import KMeansModel
from daemon.models.anomaly import load as load_anomaly_model
from daemon.models.atk import Centers
from daemon.trainers.atk_kmeans import improve, parallel_start
from tests.atk.conversation import DATA, HIGH
from tests.atk.test_gmm import clouds
from tests.atk.workshop import Rows, Workshop


def lloyd(centers: Rows, rows: Rows, iterations: int) -> Rows:
    """Lloyd's algorithm, centre by centre."""
    for _ in range(iterations):
        nearest = np.array([np.argmin([((row - center) ** 2).sum() for center in centers]) for row in rows])
        centers = np.array(
            [
                rows[nearest == k].mean(axis=0) if (nearest == k).any() else old
                for k, old in enumerate(centers)
            ]
        )
    return centers


@pytest.mark.parametrize("epsilon", [1e-4, 0.5])
def test_it_equals_the_reference_from_the_same_start(epsilon: float) -> None:
    rows = clouds()
    begin = rows[:4]
    found, iterations, converged = improve(Centers(begin), rows, max_iterations=20, epsilon=epsilon)
    assert converged
    assert found.centers == pytest.approx(lloyd(begin, rows, iterations))
    before = lloyd(begin, rows, iterations - 1)
    assert (((found.centers - before) ** 2).sum(axis=1) <= epsilon**2).all()
    if iterations > 1:
        earlier = lloyd(begin, rows, iterations - 2)
        assert (((before - earlier) ** 2).sum(axis=1) > epsilon**2).any()


def test_a_centre_without_rows_stays() -> None:
    rows = clouds()
    far = np.vstack([rows[:2], np.full((1, 3), 1e6)])
    found, _, _ = improve(Centers(far), rows, max_iterations=20, epsilon=1e-4)
    assert found.centers[2].tolist() == [1e6, 1e6, 1e6]


def test_the_parallel_start_finds_clouds_that_lie_far_apart() -> None:
    random = np.random.default_rng(5)
    places = np.array([[0.0, 0], [100, 0], [0, 100], [100, 100]])
    rows = np.repeat(places, 50, axis=0) + random.normal(size=(200, 2))
    for seed in range(20):
        start = parallel_start(rows, 4, np.random.Generator(np.random.PCG64(seed)))
        assert sorted(np.rint(start / 100).tolist()) == sorted((places / 100).tolist())


def test_the_parallel_start_takes_rows_twice_where_there_are_too_few() -> None:
    rows = np.array([[1.0], [2.0], [1.0], [2.0]])
    start = parallel_start(rows, 4, np.random.Generator(np.random.PCG64(0)))
    assert set(start.ravel()) == {1.0, 2.0}
    assert start.shape == (4, 1)


@pytest.mark.parametrize("mode", ["k-means||", "random"])
def test_the_example_of_atk_comes_out_with_clusters_counted_from_one(workshop: Workshop, mode: str) -> None:
    rows = np.array(DATA, float)[:, None]
    version, result, _ = workshop.train("k_means", rows, k=2, initialization_mode=mode)
    assert sorted(result["cluster_size"]) == ["Cluster:1", "Cluster:2"]
    assert sorted(result["cluster_size"].values()) == [4, 5]
    assert result["within_set_sum_of_squared_error"] == pytest.approx(11.55)
    assert sorted(result["centers"]) == pytest.approx(np.array([[1.2], [6.75]]))
    made = workshop.predict(version, rows)
    for row in made:
        assert row[1:3] == pytest.approx([(row[0] - center[0]) ** 2 for center in result["centers"]])
        assert row[3] == 1 + np.argmin(row[1:3])
    high = made[made[:, 0] == 9, 3][0]
    assert set(made[made[:, 3] == high, 0]) == HIGH


def test_a_version_measures_the_same_distances_on_raw_columns(workshop: Workshop) -> None:
    rows = clouds() + 1e3
    scalings = np.array([2.0, 1.0, -0.5])
    version, result, _ = workshop.train("k_means", rows, k=3, column_scalings=scalings.tolist())
    model = load_anomaly_model(version / "model.npz")
    assert isinstance(model, KMeansModel)
    raw = model.centroids * model.scale + model.mean
    assert raw * scalings == pytest.approx(np.array(result["centers"]))
    # Of the rows of a cluster the farthest lies on its edge.
    assert model.score(rows).max() == pytest.approx(0, abs=1e-9)
    # In the deviation of all scaled columns together: the score has a cap, whatever the columns' units.
    unit = np.sqrt((rows * scalings).var(axis=0).mean())
    made = workshop.predict(version, rows)
    inside = np.sqrt(made[:, 3:6]) / unit - model.radii
    meaning = json.loads((version / "manifest.json").read_bytes())["score"]["meaning"]
    assert meaning.startswith(
        "distance from the edge of the nearest cluster, in standard deviations of the sc"
    )
    assert "standard deviation of the scaled columns" in (version / "report.html").read_text()
    assert model.score(rows) == pytest.approx(inside.min(axis=1), abs=1e-9)
    assert (version / "c" / "k_means_1.c").exists()


def test_training_that_stops_early_says_so(workshop: Workshop) -> None:
    _, result, _ = workshop.train("k_means", clouds(), k=6, max_iterations=1, initialization_mode="random")
    assert result["converged"] is False
    assert result["warnings"][0].startswith("not converged after max_iterations 1: a centre")


def test_the_same_seed_gives_the_same_clusters(workshop: Workshop) -> None:
    def atk(path: Path) -> bytes:
        return (path / "atk.json").read_bytes()

    first, second = (workshop.train("k_means", clouds(), k=5, seed=-7)[0] for _ in range(2))
    assert atk(first) == atk(second)


def test_a_prediction_on_no_rows_makes_a_frame_without_rows(workshop: Workshop) -> None:
    rows = clouds(width=2)
    version, _, _ = workshop.train("k_means", rows, k=3)
    assert workshop.predict(version, rows[:0]).shape == (0, 6)


def test_a_column_of_the_same_name_is_in_the_way_of_a_prediction(workshop: Workshop) -> None:
    version, _, _ = workshop.train("k_means", clouds(width=1), k=2)
    with pytest.raises(DatasetError, match="has a column predicted_cluster already: predict on another"):
        workshop.predict(version, clouds(width=1), names=["predicted_cluster"], columns=["predicted_cluster"])
