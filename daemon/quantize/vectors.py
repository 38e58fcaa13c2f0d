"""Test vectors: rows with what the integer model makes of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from daemon.quantize.anomaly import IntegerModel
from firmware_export.ir import TestVectors


def vectors(model: IntegerModel, rows: npt.ArrayLike, *, count: int = 16) -> TestVectors:
    """Choose rows for a board to be checked with: some as given, and as many thrown far out.

    Parameters
    ----------
    model : IntegerKMeans or IntegerGmm
    rows : (n, d) array of float
        Finite; evenly spread ones are taken.
    count : int
        How many of each sort, at most.
    """
    given = np.asarray(rows, dtype=np.float32)
    chosen = given[np.linspace(0, len(given) - 1, min(count, len(given))).astype(np.intp)]
    center, spread = given.mean(axis=0, dtype=np.float64), given.std(axis=0, dtype=np.float64)
    factors = np.geomspace(2.0, 1000.0, len(chosen))[:, None]
    # A constant feature has no spread: it moves by its own size, or by one.
    spread = np.where(spread > 0.0, spread, np.maximum(np.abs(center), 1.0))
    signs = np.where(np.arange(chosen.size).reshape(chosen.shape) % 3 == 0, -1.0, 1.0)
    with np.errstate(over="ignore"):
        far = (center + signs * factors * spread).astype(np.float32)
    features = np.concatenate([chosen, far[np.isfinite(far).all(axis=1)]])
    inputs = model.quantize(features)
    return TestVectors(features, inputs, model.score_q(inputs), model.is_anomaly(features))


def typical_rows(model: IntegerModel, count: int = 16) -> npt.NDArray[np.float32]:
    """Rows about the middle of a model's inputs, for where its training rows are not at hand.

    Parameters
    ----------
    model : IntegerKMeans or IntegerGmm
    count : int
        How many.

    Returns
    -------
    (count, d) array of float32
        In the features' own units; the same ones each time.
    """
    inputs = model.inputs
    # Training rows take a half to an eighth of the inputs' range, and most lie well inside.
    spread = 2.0 ** (inputs.width - 1) / 8.0
    steps = np.random.default_rng(0).normal(0.0, spread, (count, model.axes.size))
    return ((steps - inputs.zero_point) / inputs.reciprocal.astype(np.float64)).astype(np.float32)
