"""What Edge Impulse's metadata routes answer about an anomaly model, as ``metadata.json`` of a version.

Written in the worker, read by the daemon, which has no numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from daemon.models.anomaly import AnomalyModel, KMeansModel
from daemon.models.thresholds import block_threshold


def anomaly_metadata(model: AnomalyModel, suggested: float, *, has_int8: bool = True) -> dict[str, Any]:
    """Edge Impulse's ``AnomalyModelMetadata`` and ``AnomalyGmmMetadata`` of a model.

    Parameters
    ----------
    model : KMeansModel or GmmModel
        The float model, threshold set.
    suggested : float
        The threshold that the training scores suggest.
    has_int8 : bool
        Whether the version has an integer model.

    Returns
    -------
    dict
        ``anomaly`` holds the members of ``AnomalyModelMetadata`` but ``created``; ``gmm`` those of
        ``AnomalyGmmMetadata``, in raw units, or None for K-means. With these numbers Edge Impulse's own
        formulas give the model's scores: for K-means ``mean`` and ``scale`` standardise the axes, for a
        GMM they standardise the log-likelihood. Plain-distance scoring has ``maxError`` 0.
    """
    common: dict[str, Any] = {
        "axes": model.axes.tolist(),
        "defaultMinimumConfidenceRating": suggested,
        "availableModelTypes": ["int8", "float32"] if has_int8 else ["float32"],
        "recommendedModelType": "int8" if has_int8 else "float32",
        "hasTrainedModel": True,
        "thresholds": [block_threshold(model.threshold, suggested)],
    }
    if isinstance(model, KMeansModel):
        errors = model.radii if model.scoring == "edge" else np.zeros_like(model.radii)
        clusters = [
            {"center": centre.tolist(), "maxError": float(error)}
            for centre, error in zip(model.centroids, errors, strict=True)
        ]
        scaler = {"mean": model.mean.tolist(), "scale": model.scale.tolist()}
        return {"anomaly": {**common, **scaler, "clusters": clusters}, "gmm": None}
    means, covariances = model.folded()
    return {
        "anomaly": {**common, "mean": [model.ll_mean], "scale": [model.ll_std], "clusters": []},
        "gmm": {
            "means": means.tolist(),
            "covariances": covariances.tolist(),
            "weights": model.weights.tolist(),
        },
    }
