"""What the integers mean that a model answers with on a board. Without numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from daemon.models.thresholds import SCORE_CAP


def meaning(manifest: dict[str, Any], inputs: Sequence[float], outputs: Sequence[int]) -> dict[str, Any]:
    """A model's answer to one row, in the units of its Python counterpart.

    Parameters
    ----------
    manifest : dict
        Of the version that answered.
    inputs : sequence of float
        Features of the row.
    outputs : sequence of int
        The integer score of an anomaly model, or the int8 outputs of a network.

    Returns
    -------
    dict
        ``score`` and ``anomaly``; or ``classification``, a probability by label; or the ``values`` of a
        regression; or the ``outputs`` as they are, of a version that does not say what they mean.
    """
    how = manifest.get("quantization") or {}
    if "scoreScale" in how and len(outputs) == 1:
        (score_q,) = outputs
        if not all(map(math.isfinite, inputs)):
            # No integer stands for it; so the C scores it, too.
            return {"score": SCORE_CAP, "anomaly": True}
        return {"score": score_q * how["scoreScale"], "anomaly": score_q >= how["thresholdQ"]}
    if "outputScale" not in how:
        return {"outputs": list(outputs)}
    values = [(value - how["outputZeroPoint"]) * how["outputScale"] for value in outputs]
    if len(manifest["classes"]) == len(values):
        return {"classification": dict(zip(manifest["classes"], values, strict=True))}
    return {"values": values}
