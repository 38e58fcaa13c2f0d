"""A K-means, its C for firmware, and rows with the scores that its integer model gives them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from daemon.quantize.anomaly import quantize
from daemon.quantize.vectors import vectors
from firmware_export.firmware_model import FirmwareModel, anomaly_model
from firmware_export.read_anomaly import read
from tests.quantize.models import model_of

PROJECT, LEARN = 1, 7


@dataclass(frozen=True)
class KMeans:
    """One version of the model.

    Parameters
    ----------
    model : FirmwareModel
        Its C and its parameters.
    version : int
        Its number.
    sources : list of Path
        C files for the firmware.
    inputs, scores : bytes
        Rows, and what it makes of them.
    """

    model: FirmwareModel
    version: int
    sources: list[Path]
    inputs: bytes
    scores: bytes


def kmeans(folder: Path, version: int, *, key: bytes = bytes(32), wrong: bool = False) -> KMeans:
    """Train one; other versions have other numbers, and the same shapes.

    Parameters
    ----------
    folder : Path
        Where its files go.
    version : int
        Its number.
    key : bytes
        Whose signatures the firmware trusts.
    wrong : bool
        Whether its test vectors expect other scores than it gives.
    """
    floats, rows = model_of("kmeans", 4, 8, seed=version)
    integer = quantize(floats, rows, bits=8, headroom=2.0)
    integer.save(folder / "model.npz")
    tested = vectors(integer, rows)
    model = anomaly_model(read(folder / "model.npz"), "press", tested)
    if wrong:
        model = replace(model, outputs=model.outputs[1:] + model.outputs[:1])
    (folder / "press.h").write_text(model.header)
    (folder / "press.c").write_text(model.source)
    (folder / "glue.c").write_text(model.glue(PROJECT, LEARN, version, key))
    return KMeans(
        model,
        version,
        [folder / "glue.c", folder / "press.c"],
        tested.inputs.astype(np.int8).tobytes(),
        tested.score_q.astype("<i4").tobytes(),
    )
