"""The source of an anomaly model: its parameters, and the kernels that its shapes ask for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from firmware_export.cprint import braced, float_literal, int32_literal
from firmware_export.emit_header import SCORE_CAP, kind
from firmware_export.ir import AnomalyIr, GmmIr, InputsIr, IntArray, KMeansIr
from firmware_export.kernels import kernel

_LEAST_OCTAVES = -1610612736
"""Below every log-likelihood that the arithmetic can give, and so far that adding it changes none."""

_UNROLLED_DIMENSIONS = 8
"""Loops over so many features are written out by the compiler; longer ones would take too much flash."""


def _integers(values: npt.ArrayLike) -> Iterable[str]:
    return (int32_literal(int(value)) for value in np.asarray(values).ravel())


def _divisor(number: int, most: int) -> int:
    """The largest divisor that is not above ``most``."""
    return max(candidate for candidate in range(1, most + 1) if number % candidate == 0)


def _shapes(ir: AnomalyIr) -> dict[str, str]:
    """Macros that the kernels are specialised by."""
    inputs = ir.inputs
    shapes = {
        "INPUT_BITS": str(inputs.bits),
        "INPUT_WIDTH": str(inputs.width),
        "INPUT_LOW": f"({-(2 ** (inputs.width - 1))})",
        "INPUT_HIGH": str(2 ** (inputs.width - 1) - 1),
        "SCORE_CAP": float_literal(SCORE_CAP),
        "QUANTIZE_UNROLL": "1",
    }
    if isinstance(ir, KMeansIr):
        clusters = len(ir.radii)
        shapes |= {
            "CLUSTERS": str(clusters),
            "CLUSTERS_AT_ONCE": str(_divisor(clusters, 4)),
            "FRACTION_BITS": str(ir.fraction_bits),
            "DIMENSION_UNROLL": str(_divisor(inputs.length, 2)),
        }
    else:
        unroll = inputs.length if inputs.length <= _UNROLLED_DIMENSIONS else 1
        shapes |= {
            "COMPONENTS": str(len(ir.offsets)),
            "Y_WIDTH": str(ir.y_width),
            "Y_LIMIT": str(2 ** (ir.y_width - 1)),
            "LEAST_OCTAVES": int32_literal(_LEAST_OCTAVES),
            "DIMENSION_UNROLL": str(unroll),
        }
    return shapes


def _cluster_type(ir: KMeansIr, name: str) -> str:
    return f"""struct {name}_cluster {{
  {name}_in_t center[{ir.inputs.length}];
  uint32_t square; /* its length squared, times 4^{ir.fraction_bits}, plus 1 */
  int32_t radius;  /* in input steps, {ir.fraction_bits} fraction bits */
}};"""


def _component_type(ir: GmmIr, name: str) -> str:
    return f"""struct {name}_component {{
  {name}_in_t mean[{ir.inputs.length}];
  int16_t factor[{_packed_length(ir.inputs.length)}]; /* columns of the whitening factor, padded to pairs */
  int32_t offset; /* log-density on top, less the mean log-likelihood, in 2^-12 octaves */
  int32_t shift;
}};"""


def _packed_length(length: int) -> int:
    return sum((column | 1) + 1 for column in range(length))


def _packed(factor: IntArray) -> list[int]:
    """Columns of an upper triangular matrix, each padded to an even length."""
    packed: list[int] = []
    for column in range(len(factor)):
        entries = [int(value) for value in factor[: column + 1, column]]
        packed += entries + [0] * (len(entries) % 2)
    return packed


def _clusters(ir: KMeansIr) -> list[str]:
    squares = (ir.centroids.astype(np.int64) ** 2).sum(axis=1) * 4**ir.fraction_bits + 1
    return [
        braced([braced(_integers(center), 4), f"{square}u", str(radius)], 4)
        for center, square, radius in zip(ir.centroids, squares, ir.radii, strict=True)
    ]


def _components(ir: GmmIr) -> list[str]:
    return [
        braced(
            [braced(_integers(mean), 6), braced(_integers(_packed(factor)), 6), str(offset), str(shift)], 4
        )
        for mean, factor, offset, shift in zip(ir.means, ir.factors, ir.offsets, ir.shifts, strict=True)
    ]


def _inputs(inputs: InputsIr) -> str:
    # The rounding of the quantization is in the offset, see the kernel.
    return braced(
        (
            f"{{{float_literal(float(reciprocal))}, {4 * int(zero_point) + 2}}}"
            for reciprocal, zero_point in zip(inputs.reciprocal, inputs.zero_point, strict=True)
        ),
        2,
    )


def _parameters(ir: AnomalyIr, name: str) -> str:
    """The struct that holds every number of the model, and its values."""
    kmeans = isinstance(ir, KMeansIr)
    row_type = _cluster_type(ir, name) if isinstance(ir, KMeansIr) else _component_type(ir, name)
    rows = _clusters(ir) if isinstance(ir, KMeansIr) else _components(ir)
    row, multiplier = ("cluster", "int32_t") if kmeans else ("component", "uint32_t")
    no_float = f"#ifndef {name.upper()}_NO_FLOAT"
    return f"""{row_type}

struct {name}_params {{
  struct {name}_{row} {row}[{len(rows)}];
  int32_t cap;
  {multiplier} multiplier; /* brings a score to its scale */
  uint16_t axis[{ir.inputs.length}];
{no_float}
  int32_t threshold_q;
  float score_scale;
  struct {{
    float reciprocal; /* input steps per unit of the feature */
    int32_t offset;   /* 4 * zero point + 2 */
  }} input[{ir.inputs.length}];
#endif
}};

static const struct {name}_params {name}_params = {{
  {braced(rows, 2)},
  {ir.score.cap},
  {ir.score.multiplier}{"" if kmeans else "u"},
  {braced(_integers(ir.inputs.axes), 2)},
{no_float}
  {int32_literal(ir.score.threshold_q)},
  {float_literal(ir.score.scale)},
  {_inputs(ir.inputs)},
#endif
}};"""


def source(ir: AnomalyIr, name: str) -> str:
    """The text of ``<name>.c``.

    Parameters
    ----------
    ir : KMeansIr or GmmIr
    name : str
        The model's identifier.
    """
    shapes = "\n".join(f"#define {name.upper()}_{key} {value}" for key, value in _shapes(ir).items())
    operators = ["square_root", "kmeans"] if kind(ir) == "kmeans" else ["gmm"]
    integer_part = "\n".join(kernel(operator, name) for operator in ["parameters", *operators, "score_q"])
    float_part = "\n".join(kernel(operator, name) for operator in ["quantize", "score"])
    return f"""/* {name}: see {name}.h, which is the manual. */
#include "{name}.h"

{kernel("prologue", name)}
{shapes}

{_parameters(ir, name)}

{integer_part}
#ifndef {name.upper()}_NO_FLOAT
{float_part}#endif
"""
