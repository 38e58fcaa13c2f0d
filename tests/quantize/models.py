"""Float models of any shape, without fitting, and rows to try them on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from daemon.models.anomaly import AnomalyModel, GmmModel, KMeansModel

FloatRows = npt.NDArray[np.float64]


def _axes_of_many_sizes(inputs: int, rng: np.random.Generator) -> tuple[FloatRows, FloatRows]:
    """Means and deviations as features have them: from thousandths to thousands."""
    scale = 10.0 ** rng.uniform(-3.0, 3.0, inputs)
    return rng.normal(0.0, 3.0, inputs) * scale, scale


def kmeans_model(clusters: int, inputs: int, seed: int = 0) -> tuple[KMeansModel, FloatRows]:
    """A K-means model, and rows that could have been its training rows."""
    rng = np.random.default_rng(seed)
    mean, scale = _axes_of_many_sizes(inputs, rng)
    centroids = rng.normal(size=(clusters, inputs))
    member = rng.integers(0, clusters, 400)
    z = centroids[member] + 0.3 * rng.normal(size=(400, inputs))
    radii = np.zeros(clusters)
    np.maximum.at(radii, member, np.linalg.norm(z - centroids[member], axis=1))
    axes = np.arange(inputs, dtype=np.uint16)
    model = KMeansModel(axes, mean, scale, centroids, radii, threshold=0.3)
    return model, (z * scale + mean).astype(np.float32).astype(np.float64)


def gmm_model(components: int, inputs: int, seed: int = 0) -> tuple[GmmModel, FloatRows]:
    """A mixture with correlated components, and rows drawn from it."""
    rng = np.random.default_rng(seed)
    mean, scale = _axes_of_many_sizes(inputs, rng)
    means = rng.normal(size=(components, inputs))
    mixing = 0.4 * np.eye(inputs) + rng.normal(0.0, 0.3 / np.sqrt(inputs), (components, inputs, inputs))
    covariances = mixing @ np.swapaxes(mixing, 1, 2) + 1e-3 * np.eye(inputs)
    weights = rng.dirichlet(np.full(components, 3.0))
    member = rng.choice(components, 400, p=weights)
    z = means[member] + np.einsum("nij,nj->ni", mixing[member], rng.normal(size=(400, inputs)))
    rows = (z * scale + mean).astype(np.float32).astype(np.float64)
    axes = np.arange(inputs, dtype=np.uint16)
    model = GmmModel(axes, mean, scale, weights, means, covariances, 0.0, 1.0, threshold=3.0)
    likelihood = model.log_likelihood(rows)
    return (
        GmmModel(
            axes,
            mean,
            scale,
            weights,
            means,
            covariances,
            float(likelihood.mean()),
            float(likelihood.std()),
            threshold=3.0,
        ),
        rows,
    )


def model_of(kind: str, rows: int, inputs: int, seed: int = 0) -> tuple[AnomalyModel, FloatRows]:
    """A model by the name of its kind."""
    return kmeans_model(rows, inputs, seed) if kind == "kmeans" else gmm_model(rows, inputs, seed)


def hard_rows(rows: FloatRows, count: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Rows that arithmetic stumbles over: ordinary, far, huge, tiny, arbitrary bits, NaN, infinite."""
    rng = np.random.default_rng(seed)
    base = np.asarray(rows[rng.integers(0, len(rows), count)], dtype=np.float32)
    sorts = np.array_split(np.arange(count), 6)
    spread = rows.std(axis=0) + 1e-6
    with np.errstate(all="ignore"):
        base[sorts[1]] += (rng.normal(0.0, 8.0, (sorts[1].size, rows.shape[1])) * spread).astype(np.float32)
        far = 10.0 ** rng.uniform(0.0, 30.0, (sorts[2].size, 1)) * rng.normal(size=rows.shape[1])
        base[sorts[2]] += far.astype(np.float32)
        bits = rng.integers(0, 2**32, (sorts[3].size, rows.shape[1]), dtype=np.uint32)
        base[sorts[3]] = bits.view(np.float32)
    base[sorts[4]] *= rng.choice(np.array([0.0, -0.0, 1e-38, 1e-44, 1.0], np.float32), base[sorts[4]].shape)
    odd = sorts[5]
    axis = rng.integers(0, rows.shape[1], odd.size)
    worst = np.array([np.nan, -np.nan, np.inf, -np.inf, 3.4e38, -3.4e38], np.float32)
    base[odd, axis] = rng.choice(worst, odd.size)
    return base
