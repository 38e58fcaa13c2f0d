"""Weights that compress better: many of them zero, or few of them different.

The network is trained on, so that it learns to do with them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

Retrain = Callable[[Any, str], None]
"""Trains a network on, a few epochs, in place; told what for."""

_STEPS = (0.5, 0.8, 1.0)
"""Parts of the share to prune, one after the other: a network that loses half its weights at once forgets
more than it can learn again."""


_NEVER = 2**31
"""A step of training that does not come."""


@dataclass(frozen=True)
class Size:
    """Bytes of a file, as it is and as a compressed update (deflate, level 9) of it would be."""

    bytes: int
    deflated: int


def size(data: bytes) -> Size:
    """The size of a file."""
    return Size(len(data), len(zlib.compress(data, 9)))


def prune(model: Any, share: float, retrain: Retrain) -> Any:
    """Set the smallest weights of each layer to zero, and let the network learn to do without.

    Parameters
    ----------
    model : tf_keras.Model
        Trained; it stays as it is.
    share : float
        Share of each kernel that becomes zero, between 0 and 1.
    retrain : callable

    Returns
    -------
    tf_keras.Model
    """
    from tensorflow_model_optimization.sparsity import keras as sparsity

    for part in _STEPS:
        # Its schedule would draw new masks while training, by steps that it counts unreliably: never.
        wrapped = sparsity.prune_low_magnitude(model, sparsity.ConstantSparsity(share, begin_step=_NEVER))
        pruned = [layer for layer in wrapped.layers if hasattr(layer, "pruning_vars")]
        for layer in pruned:
            layer.pruning_step.assign(1)
            for weight, mask, _ in layer.pruning_vars:
                mask.assign(_mask(weight.numpy(), share * part))
        retrain(wrapped, "pruning")
        for layer in pruned:
            for weight, mask, _ in layer.pruning_vars:
                weight.assign(weight * mask)
        model = sparsity.strip_pruning(wrapped)
    return model


def _mask(weights: FloatArray, share: float) -> FloatArray:
    """Zeros where the smallest weights are, ones elsewhere."""
    order = np.argsort(np.abs(weights), axis=None, kind="stable")
    mask = np.ones(weights.size, np.float32)
    mask[order[: round(share * weights.size)]] = 0
    return mask.reshape(weights.shape)


def cluster(model: Any, count: int, retrain: Retrain, *, sparse: bool) -> Any:
    """Give each kernel a few different weights only, and let the network learn them.

    Parameters
    ----------
    model : tf_keras.Model
        Trained; it stays as it is.
    count : int
        Different weights of a kernel, 2 or more.
    retrain : callable
    sparse : bool
        Whether weights that are zero stay zero; zero is then one of the `count`.

    Returns
    -------
    tf_keras.Model
    """
    from tensorflow_model_optimization.clustering import keras as clustering
    from tensorflow_model_optimization.python.core.clustering.keras.experimental.cluster import (
        cluster_weights,  # the public one cannot keep zeros
    )

    wrapped = cluster_weights(
        model,
        number_of_clusters=count,
        cluster_centroids_init=clustering.CentroidInitialization.KMEANS_PLUS_PLUS,
        preserve_sparsity=sparse,
    )
    retrain(wrapped, "clustering")
    return clustering.strip_clustering(wrapped)
