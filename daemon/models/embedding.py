"""Training rows in two dimensions, to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FILE_NAME = "embedding.json"

#: Points that are drawn at most.
MOST_POINTS = 2000


def embed(
    standardised: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], labels: list[str | None]
) -> dict[str, Any]:
    """Project rows on their first two principal components.

    Parameters
    ----------
    standardised : ndarray, shape (n, d), float64
        Rows as the model sees them.
    scores : ndarray, shape (n,), float64
        Score of each row.
    labels : list of (str or None)
        Label of each row.

    Returns
    -------
    dict
        ``method``, ``explainedVariance`` (share, 0..1, of each component), ``components`` (2, d), and the
        lists ``x``, ``y``, ``score``, ``label`` of at most 2,000 rows, evenly spread. The same rows give
        the same numbers: in each component the largest entry is positive.
    """
    centred = standardised - standardised.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    components = np.zeros((2, centred.shape[1]))
    shares = np.zeros(2)
    for number in range(min(2, len(values))):
        vector = vectors[:, -1 - number]
        components[number] = vector * np.sign(vector[np.abs(vector).argmax()])
        shares[number] = max(values[-1 - number], 0.0) / (values.sum() or 1.0)
    chosen = np.linspace(0, len(centred) - 1, min(len(centred), MOST_POINTS)).astype(int)
    points = (centred[chosen] @ components.T).astype(np.float32)
    return {
        "method": "pca",
        "explainedVariance": shares.tolist(),
        "components": components.tolist(),
        "x": points[:, 0].tolist(),
        "y": points[:, 1].tolist(),
        "score": scores[chosen].astype(np.float32).tolist(),
        "label": [labels[row] for row in chosen],
    }
