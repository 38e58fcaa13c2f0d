"""ATK's models as ATK scores them: a Gaussian mixture and K-means on scaled columns.

Both are what ``predict`` uses, and what ``atk.json`` of a version holds, in the shape in which ATK stores
its models. Source of the formulas: Spark MLlib 1.x ``MultivariateGaussian``, ``GaussianMixtureModel`` and
``KMeansModel``, by behaviour.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FILE_NAME = "atk.json"

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.intp]

EPSILON = 2.0**-52
"""Spark's ``MLUtils.EPSILON``: added to every weighted density."""

_ROWS_AT_ONCE = 8192
_NUMBERS_AT_ONCE = 2**21


def blocks(rows: FloatArray, clusters: int) -> Iterator[FloatArray]:
    """Rows in blocks that keep small what is computed for each row and cluster."""
    step = min(max(_NUMBERS_AT_ONCE // clusters, 1), _ROWS_AT_ONCE)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture with full covariances.

    Attributes
    ----------
    weights : (k,) float64
        Of the components; they add up to 1.
    means, covariances : (k, d), (k, d, d) float64
        On the scaled columns. A covariance may be singular.
    """

    weights: FloatArray
    means: FloatArray
    covariances: FloatArray

    @property
    def size(self) -> int:
        """Number of components."""
        return len(self.weights)

    def weighted_densities(self, rows: FloatArray) -> FloatArray:
        """Density of each component times its weight, plus EPSILON.

        A direction in which a covariance has no extent (eigenvalue up to EPSILON x the largest x d) counts
        neither in the distance nor in the determinant.

        Parameters
        ----------
        rows : (n, d) float64
            Scaled rows.

        Returns
        -------
        (n, k) float64
        """
        width = self.means.shape[1]
        values, vectors = np.linalg.eigh(self.covariances)
        extent = values > EPSILON * values.max(axis=1, keepdims=True) * width
        safe = np.where(extent, values, 1.0)
        log_constants = -0.5 * (width * np.log(2 * np.pi) + np.log(safe).sum(axis=1))
        roots = vectors * np.where(extent, 1.0 / np.sqrt(safe), 0.0)[:, None, :]
        densities = np.empty((len(rows), self.size))
        for component, (mean, root) in enumerate(zip(self.means, roots, strict=True)):
            y = (rows - mean) @ root
            exponents = log_constants[component] - 0.5 * np.einsum("nd,nd->n", y, y)
            with np.errstate(over="ignore"):
                densities[:, component] = np.exp(exponents)
        with np.errstate(invalid="ignore"):
            return np.asarray(EPSILON + self.weights * densities)

    def assign(self, rows: FloatArray) -> IntArray:
        """Component of the largest responsibility of each scaled row, 0-based: (n, d) -> (n,)."""
        parts = [self.weighted_densities(block).argmax(axis=1) for block in blocks(rows, self.size)]
        return np.concatenate([np.empty(0, np.intp), *parts])

    def stored(self) -> dict[str, Any]:
        """ATK's stored form."""
        gaussians = [
            {"mu": mean.tolist(), "sigma": covariance.tolist()}
            for mean, covariance in zip(self.means, self.covariances, strict=True)
        ]
        return {"gmm_model": {"weights": self.weights.tolist(), "gaussians": gaussians}}


@dataclass(frozen=True)
class Centers:
    """K-means.

    Attributes
    ----------
    centers : (k, d) float64
        On the scaled columns.
    """

    centers: FloatArray

    @property
    def size(self) -> int:
        """Number of clusters."""
        return len(self.centers)

    def squared_distances(self, rows: FloatArray) -> FloatArray:
        """Squared distance of each scaled row from each centre: (n, d) -> (n, k)."""
        distances = np.empty((len(rows), self.size))
        # One centre after the other: |x|^2 - 2xc + |c|^2 is faster but loses the small distances.
        for number, center in enumerate(self.centers):
            difference = rows - center
            distances[:, number] = np.einsum("nd,nd->n", difference, difference)
        return distances

    def nearest(self, rows: FloatArray) -> tuple[IntArray, FloatArray]:
        """The nearest centre of each scaled row, 0-based, and the squared distance from it."""
        assigned, costs = [np.empty(0, np.intp)], [np.empty(0)]
        for block in blocks(rows, self.size):
            distances = self.squared_distances(block)
            assigned.append(distances.argmin(axis=1))
            costs.append(distances.min(axis=1))
        return np.concatenate(assigned), np.concatenate(costs)

    def stored(self) -> dict[str, Any]:
        """The stored form, after that of the mixture."""
        return {"k_means_model": {"centers": self.centers.tolist()}}


@dataclass(frozen=True)
class AtkPredictor:
    """A trained model with the columns that it was trained on.

    Attributes
    ----------
    model : Mixture or Centers
        The model.
    columns : list of str
        Names of the columns of the training.
    scalings : (d,) float64
        What each column is multiplied by.
    """

    model: Mixture | Centers
    columns: list[str]
    scalings: FloatArray

    def document(self) -> dict[str, Any]:
        """Content of ``atk.json``."""
        return {
            **self.model.stored(),
            "observation_columns": self.columns,
            "column_scalings": self.scalings.tolist(),
        }


def load(path: Path) -> AtkPredictor:
    """Read what `AtkPredictor.document` gave."""
    stored = json.loads(path.read_bytes())
    model: Mixture | Centers
    if "gmm_model" in stored:
        gaussians = stored["gmm_model"]["gaussians"]
        model = Mixture(
            np.array(stored["gmm_model"]["weights"], float),
            np.array([gaussian["mu"] for gaussian in gaussians], float),
            np.array([gaussian["sigma"] for gaussian in gaussians], float),
        )
    else:
        model = Centers(np.array(stored["k_means_model"]["centers"], float))
    return AtkPredictor(model, stored["observation_columns"], np.array(stored["column_scalings"], float))
