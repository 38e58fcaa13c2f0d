"""What ATK's trainings have in common to tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Most numbers that a job's result holds; its status is retained by the broker.
MOST_NUMBERS = 4096


def cluster_size(assigned: npt.NDArray[np.intp], first: int) -> dict[str, int]:
    """Rows of each cluster that has any: ``Cluster:<id>`` to their number.

    Parameters
    ----------
    assigned : (n,) intp
        Cluster of each row, 0-based.
    first : int
        Id of the first cluster.
    """
    clusters, counts = np.unique(assigned, return_counts=True)
    return {
        f"Cluster:{cluster + first}": count
        for cluster, count in zip(clusters.tolist(), counts.tolist(), strict=True)
    }


def numbers(arrays: dict[str, npt.NDArray[np.float64]], text: dict[str, Any] | None = None) -> dict[str, Any]:
    """Parameters of a model, as numbers and as text; nothing where they are too many for a message."""
    if sum(array.size for array in arrays.values()) > MOST_NUMBERS:
        return {}
    return {**(text or {}), **{name: array.tolist() for name, array in arrays.items()}}
