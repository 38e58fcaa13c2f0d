"""The integer anomaly model, from its file into the exporter's terms."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.errors import UnreadableModel, UnsupportedModel
from firmware_export.ir import AnomalyIr, GmmIr, InputsIr, KMeansIr, ScoreIr

FORMAT = 1


def read(path: Path) -> AnomalyIr:
    """Read ``model_int8.npz``.

    Parameters
    ----------
    path : Path

    Raises
    ------
    UnreadableModel
        It is no such file, of another format, or damaged.
    UnsupportedModel
        It is of a kind that has no C.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            parts: dict[str, Any] = {key: stored[key] for key in stored.files}
        if int(parts.get("format", 0)) != FORMAT:
            raise UnreadableModel(f"{path} is not an integer anomaly model of format {FORMAT}: train it anew")
        return _from_parts(parts)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableModel(f"{path} cannot be read as an integer anomaly model: {error}") from error


def _from_parts(parts: dict[str, Any]) -> AnomalyIr:
    kind = str(parts["kind"])
    if kind not in {"kmeans", "gmm"}:
        raise UnsupportedModel(f"an integer model of kind {kind!r} has no C")
    scale, threshold = float(parts["score_scale"]), float(parts["threshold"])
    inputs = InputsIr(
        axes=parts["axes"],
        reciprocal=parts["reciprocal"],
        zero_point=parts["zero_point"],
        bits=int(parts["bits"]),
        width=int(parts["width"]),
    )
    score = ScoreIr(
        cap=int(parts["cap"]),
        multiplier=int(parts["multiplier"]),
        scale=scale,
        threshold=threshold,
        # Exactly where the score that the C returns is at or above the threshold.
        threshold_q=int(np.clip(np.ceil(threshold / scale), -(2**31), 2**31 - 1)),
    )
    if kind == "kmeans":
        return KMeansIr(
            inputs,
            score,
            centroids=parts["centroids"],
            radii=parts["radii"],
            centroid_fraction=int(parts["centroid_fraction"]),
            distance_fraction=int(parts["distance_fraction"]),
        )
    return GmmIr(
        inputs,
        score,
        factors=parts["factors"],
        biases=parts["biases"],
        shifts=parts["shifts"],
        offsets=parts["offsets"],
        y_width=int(parts["y_width"]),
    )
