"""The float anomaly models: what training makes, and what quantizing starts from.

Both classes are plain data with a score; neither knows how it was fitted. Features are columns that were
already selected (``axes``), one row an observation, in the unit that the DSP block gives.

Sources: Edge Impulse's C++ ``inferencing_engines/anomaly.h`` (K-means) and ``gmm_anomaly_detection.py``
(GMM), by behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
AxisArray: TypeAlias = npt.NDArray[np.uint16]
Scoring: TypeAlias = Literal["edge", "distance"]

SCORE_CAP = 1000.0
"""No score is larger; a row with a NaN or infinite feature scores exactly this."""

_FORMAT = 1
_ROWS_AT_ONCE = 2048


def _table(features: npt.ArrayLike, width: int) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Rows as float64 with every non-finite row zeroed, and the mask of the finite rows."""
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"features have shape {rows.shape}, the model takes (n, {width})")
    finite = np.isfinite(rows).all(axis=1)
    return np.where(finite[:, None], rows, 0.0), finite


def _capped(scores: FloatArray, finite: npt.NDArray[np.bool_]) -> FloatArray:
    """The scores with the cap, which a row that is not finite gets as its score."""
    return np.where(finite, np.minimum(scores, SCORE_CAP), SCORE_CAP)


@dataclass(frozen=True)
class KMeansModel:
    """Clusters of standardised features; the score is a distance.

    Attributes
    ----------
    axes : (d,) uint16
        Which DSP outputs the features are, in order.
    mean, scale : (d,) float64
        Standardisation, in the features' units; scale is 1 where a feature was constant.
    centroids : (k, d) float64
        Cluster centres in standardised space.
    radii : (k,) float64
        Largest distance of a training row from its own centroid, in standard deviations (``max_error``).
    threshold : float
        A score at or above it is an anomaly.
    scoring : {"edge", "distance"}
        ``edge``: distance minus the cluster's radius, negative inside a cluster; ``distance``: plain
        distance.
    """

    axes: AxisArray
    mean: FloatArray
    scale: FloatArray
    centroids: FloatArray
    radii: FloatArray
    threshold: float
    scoring: Scoring = "edge"

    def score(self, features: npt.ArrayLike) -> FloatArray:
        """Score rows of selected features.

        Parameters
        ----------
        features : (n, d) array of float
            In the features' own units.

        Returns
        -------
        (n,) float64
            ``min(1000, min over clusters of distance - radius)`` in standard deviations; 1000 for a row
            that is not finite.

        Raises
        ------
        ValueError
            The rows do not have ``d`` columns.
        """
        rows, finite = _table(features, self.mean.size)
        radii = self.radii if self.scoring == "edge" else np.zeros_like(self.radii)
        scores = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            z = (rows[start : start + _ROWS_AT_ONCE] - self.mean) / self.scale
            # One cluster after the other: |z|^2 - 2zc + |c|^2 is faster but loses the small distances.
            best = np.full(len(z), np.inf)
            for centroid, radius in zip(self.centroids, radii, strict=True):
                difference = z - centroid
                distance = np.sqrt(np.einsum("nd,nd->n", difference, difference))
                np.minimum(best, distance - radius, out=best)
            scores[start : start + _ROWS_AT_ONCE] = best
        return _capped(scores, finite)

    def save(self, path: Path) -> None:
        """Write ``model.npz``: arrays and plain strings, never a pickle."""
        np.savez(
            path,
            format=_FORMAT,
            kind="kmeans",
            axes=self.axes,
            mean=self.mean,
            scale=self.scale,
            centroids=self.centroids,
            radii=self.radii,
            threshold=self.threshold,
            scoring=self.scoring,
        )


@dataclass(frozen=True)
class GmmModel:
    """A Gaussian mixture with full covariances; the score is |z| of the log-likelihood.

    Attributes
    ----------
    axes : (d,) uint16
        Which DSP outputs the features are, in order.
    mean, scale : (d,) float64
        Standardisation, in the features' units (zeros and ones where none is wanted); scale is 1 where a
        feature was constant.
    weights : (k,) float64
        Of the components; they add up to 1.
    means, covariances : (k, d), (k, d, d) float64
        On the standardised features.
    ll_mean, ll_std : float
        Mean and standard deviation of the training rows' log-likelihood (nats, of the *raw* features: the
        constant ``sum(log(scale))`` is in it, so that the published folded model gives the same numbers).
    threshold : float
        A score at or above it is an anomaly.
    """

    axes: AxisArray
    mean: FloatArray
    scale: FloatArray
    weights: FloatArray
    means: FloatArray
    covariances: FloatArray
    ll_mean: float
    ll_std: float
    threshold: float

    def log_likelihood(self, features: npt.ArrayLike) -> FloatArray:
        """Log-likelihood of rows of selected raw features.

        Parameters
        ----------
        features : (n, d) array of float
            In the features' own units. A row that is not finite is taken as zeros: mask it.

        Returns
        -------
        (n,) float64
            In nats, of the density in raw units.

        Raises
        ------
        ValueError
            The rows do not have ``d`` columns.
        numpy.linalg.LinAlgError
            A covariance is not positive definite.
        """
        rows, _ = _table(features, self.mean.size)
        z = (rows - self.mean) / self.scale
        factors, log_weights = self.precision_factors()
        best = np.full(len(z), -np.inf)
        for factor, log_weight, mean in zip(factors, log_weights, self.means, strict=True):
            y = (z - mean) @ factor
            best = np.logaddexp(best, log_weight - 0.5 * np.einsum("nd,nd->n", y, y))
        return np.asarray(best - np.log(self.scale).sum())

    def precision_factors(self) -> tuple[FloatArray, FloatArray]:
        """Upper triangular ``P`` with ``P @ P.T`` the precision, and the log-weight of each component.

        Returns
        -------
        (k, d, d), (k,) float64
            The component's log-density on standardised features is ``log_weight - |(z - mean) @ P|^2 / 2``.
        """
        dims = self.mean.size
        lower = np.linalg.cholesky(self.covariances)
        factors = np.swapaxes(np.linalg.solve(lower, np.broadcast_to(np.eye(dims), lower.shape)), 1, 2)
        log_det = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        with np.errstate(divide="ignore"):  # a component of weight 0 never wins
            return factors, np.log(self.weights) + log_det - 0.5 * dims * np.log(2 * np.pi)

    def score(self, features: npt.ArrayLike) -> FloatArray:
        """Score rows of selected features.

        Parameters
        ----------
        features : (n, d) array of float
            In the features' own units.

        Returns
        -------
        (n,) float64
            ``min(1000, |log-likelihood - ll_mean| / ll_std)``; 1000 for a row that is not finite.

        Raises
        ------
        ValueError
            The rows do not have ``d`` columns.
        """
        _, finite = _table(features, self.mean.size)
        return _capped(np.abs((self.log_likelihood(features) - self.ll_mean) / self.ll_std), finite)

    def folded(self) -> tuple[FloatArray, FloatArray]:
        """Means and covariances in raw units, as they are published.

        Returns
        -------
        (k, d), (k, d, d) float64
        """
        return self.means * self.scale + self.mean, self.covariances * np.outer(self.scale, self.scale)

    def save(self, path: Path) -> None:
        """Write ``model.npz``: arrays and plain strings, never a pickle."""
        np.savez(
            path,
            format=_FORMAT,
            kind="gmm",
            axes=self.axes,
            mean=self.mean,
            scale=self.scale,
            weights=self.weights,
            means=self.means,
            covariances=self.covariances,
            ll_mean=self.ll_mean,
            ll_std=self.ll_std,
            threshold=self.threshold,
        )


AnomalyModel: TypeAlias = KMeansModel | GmmModel


def load(path: Path) -> AnomalyModel:
    """Read a model that ``save`` wrote.

    Raises
    ------
    ValueError
        The file is of another kind or format.
    """
    with np.load(path, allow_pickle=False) as stored:
        parts: dict[str, Any] = {key: stored[key] for key in stored.files}
    if int(parts.pop("format", 0)) != _FORMAT:
        raise ValueError(f"{path} is not an anomaly model of format {_FORMAT}")
    kind = str(parts.pop("kind"))
    for key in ("threshold", "ll_mean", "ll_std"):
        if key in parts:
            parts[key] = float(parts[key])
    if kind == "kmeans":
        return KMeansModel(**{**parts, "scoring": str(parts["scoring"])})
    if kind == "gmm":
        return GmmModel(**parts)
    raise ValueError(f"{path} holds a model of kind {kind!r}")
