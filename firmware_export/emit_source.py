"""The source of an anomaly model: its parameters, and the kernels specialised to its shapes."""

from __future__ import annotations

from firmware_export.cprint import float_literal, int32_literal
from firmware_export.emit_header import SCORE_CAP
from firmware_export.emit_params import parameters
from firmware_export.ir import AnomalyIr, GmmIr, InputsIr, KMeansIr
from firmware_export.kernels import kernel

_LEAST_OCTAVES = -1610612736
"""Below every log-likelihood that the arithmetic can give, and so far that adding it changes none."""

_UNROLLED_DIMENSIONS = 8
"""Triangles over so many features are written out; larger ones would take too much flash."""


def _divisor(number: int, most: int) -> int:
    """The largest divisor that is not above ``most``."""
    return max(candidate for candidate in range(1, most + 1) if number % candidate == 0)


def _input_shapes(inputs: InputsIr) -> dict[str, str]:
    return {
        "INPUT_BITS": str(inputs.bits),
        "INPUT_WIDTH": str(inputs.width),
        "INPUT_LOW": f"({-(1 << (inputs.width - 1))})",
        "INPUT_HIGH": str((1 << (inputs.width - 1)) - 1),
        "SCORE_CAP": float_literal(SCORE_CAP),
    }


def _kmeans_shapes(ir: KMeansIr) -> dict[str, str]:
    clusters, length = len(ir.radii), ir.inputs.length
    return {
        "CLUSTERS": str(clusters),
        "CLUSTERS_AT_ONCE": str(_divisor(clusters, 4)),
        "FRACTION_BITS": str(ir.distance_fraction),
        "CENTER_BITS": str(ir.centroid_fraction),
        "LANE_UNROLL": str(_divisor((length + 1) // 2, 4)),
    }


def _gmm_shapes(ir: GmmIr) -> dict[str, str]:
    unroll = ir.inputs.length if ir.inputs.length <= _UNROLLED_DIMENSIONS else 1
    return {
        "COMPONENTS": str(len(ir.offsets)),
        "Y_WIDTH": str(ir.y_width),
        "Y_LIMIT": str(1 << (ir.y_width - 1)),
        "LEAST_OCTAVES": int32_literal(_LEAST_OCTAVES),
        "LANE_UNROLL": str(unroll),
        "TRIANGLE_UNROLL": str(unroll),
    }


def source(ir: AnomalyIr, name: str) -> str:
    """The text of ``<name>.c``.

    Parameters
    ----------
    ir : KMeansIr or GmmIr
    name : str
        The model's identifier.
    """
    if isinstance(ir, KMeansIr):
        shapes, operators = _kmeans_shapes(ir), ["lanes", "square_root", "kmeans"]
    else:
        shapes, operators = _gmm_shapes(ir), ["lanes", "gmm"]
    macros = {**_input_shapes(ir.inputs), **shapes}
    definitions = "\n".join(f"#define {name.upper()}_{key} {value}" for key, value in macros.items())
    integer_part = "\n".join(kernel(operator, name) for operator in ["parameters", *operators, "score_q"])
    float_part = "\n".join(kernel(operator, name) for operator in ["quantize", "score"])
    return f"""/* {name}: see {name}.h, which is the manual. */
#include "{name}.h"

{kernel("prologue", name)}
{definitions}

{parameters(ir, name)}

{integer_part}
#ifndef {name.upper()}_NO_FLOAT
{float_part}#endif
"""
