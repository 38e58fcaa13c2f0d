"""Integer models of anomaly models: making one, and reading one back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from daemon.models.anomaly import AnomalyModel, KMeansModel
from daemon.quantize.gmm import IntegerGmm, quantize_gmm
from daemon.quantize.inputs import FloatArray
from daemon.quantize.kmeans import FORMAT, IntegerKMeans, quantize_kmeans

IntegerModel: TypeAlias = IntegerKMeans | IntegerGmm


def quantize(model: AnomalyModel, rows: FloatArray, *, bits: int, headroom: float) -> IntegerModel:
    """Make the integer model of a float model; see ``quantize_kmeans`` and ``quantize_gmm``.

    Parameters
    ----------
    model : KMeansModel or GmmModel
        Its threshold must be set: inputs reach far enough that one that saturates is an anomaly.
    rows : (n, d) float64
        Training rows, in the features' own units.
    bits : {8, 16}
        Width of the inputs.
    headroom : float
        Range of the inputs, as a multiple of the training rows'.
    """
    if isinstance(model, KMeansModel):
        return quantize_kmeans(model, rows, bits=bits, headroom=headroom)
    return quantize_gmm(model, rows, bits=bits, headroom=headroom)


def load(path: Path) -> IntegerModel:
    """Read an integer model that ``save`` wrote.

    Raises
    ------
    ValueError
        The file is of another kind or format.
    """
    with np.load(path, allow_pickle=False) as stored:
        parts: dict[str, Any] = {key: stored[key] for key in stored.files}
    if int(parts.pop("format", 0)) != FORMAT:
        raise ValueError(f"{path} is not an integer anomaly model of format {FORMAT}")
    kind = str(parts.pop("kind"))
    if kind == "kmeans":
        return IntegerKMeans.from_parts(parts)
    if kind == "gmm":
        return IntegerGmm.from_parts(parts)
    raise ValueError(f"{path} holds an integer model of kind {kind!r}")
