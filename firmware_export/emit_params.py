"""The one struct that holds every number of an anomaly model: its declaration and its values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from firmware_export.cprint import braced, float_literal, int32_literal
from firmware_export.ir import AnomalyIr, GmmIr, InputsIr, IntArray, KMeansIr


@dataclass(frozen=True)
class _Member:
    """A member of the struct.

    Attributes
    ----------
    declaration : str
        One line or several, without indentation.
    value : str
        Its initialiser.
    """

    declaration: str
    value: str


def _integers(values: npt.ArrayLike) -> Iterable[str]:
    return (int32_literal(int(value)) for value in np.asarray(values).ravel())


def _packed(factor: IntArray) -> list[int]:
    """Columns of an upper triangular matrix, each padded to an even length."""
    packed: list[int] = []
    for column in range(len(factor)):
        entries = [int(value) for value in factor[: column + 1, column]]
        packed += entries + [0] * (len(entries) % 2)
    return packed


def _padded_to_pairs(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    return np.pad(values, (0, values.size % 2))


def _cluster_type(ir: KMeansIr, name: str) -> str:
    length = ir.inputs.length + ir.inputs.length % 2
    return f"""struct {name}_cluster {{
  int16_t center[{length}]; /* in input steps, {ir.centroid_fraction} fraction bits; padded to pairs */
  uint32_t square; /* squared length of the centre in input steps, times 4^{ir.distance_fraction}, plus 1 */
  int32_t radius;  /* in input steps, {ir.distance_fraction} fraction bits */
}};"""


def _component_type(ir: GmmIr, name: str) -> str:
    return f"""struct {name}_component {{
  int16_t factor[{len(_packed(ir.factors[0]))}]; /* columns of the whitening factor, padded to pairs */
  int32_t bias[{ir.inputs.length}];   /* centres, and rounds */
  int32_t offset;    /* log-density at the mean, less the mean log-likelihood, in 2^-12 octaves */
  int32_t shift;
}};"""


def _kmeans_members(ir: KMeansIr, name: str) -> list[_Member]:
    lengths = (ir.centroids.astype(np.int64) ** 2).sum(axis=1) * 4.0 ** (
        ir.distance_fraction - ir.centroid_fraction
    )
    padded = np.pad(ir.centroids, ((0, 0), (0, ir.inputs.length % 2)))
    clusters = (
        braced([braced(_integers(center), 4), f"{round(length) + 1}u", str(radius)], 4)
        for center, length, radius in zip(padded, lengths.tolist(), ir.radii, strict=True)
    )
    return [
        _Member(f"struct {name}_cluster cluster[{len(ir.radii)}];", braced(clusters, 2)),
        _Member("int32_t cap;", str(ir.score.cap)),
        _Member("int32_t multiplier; /* brings a score to its scale */", str(ir.score.multiplier)),
    ]


def _gmm_members(ir: GmmIr, name: str) -> list[_Member]:
    components = (
        braced(
            [braced(_integers(_packed(factor)), 6), braced(_integers(bias), 6), str(offset), str(shift)], 4
        )
        for factor, bias, offset, shift in zip(ir.factors, ir.biases, ir.offsets, ir.shifts, strict=True)
    )
    return [
        _Member(f"struct {name}_component component[{len(ir.offsets)}];", braced(components, 2)),
        _Member("int32_t cap;", str(ir.score.cap)),
        _Member(
            "uint32_t multiplier; /* brings octaves to the scale of a score */", f"{ir.score.multiplier}u"
        ),
    ]


def _input_member(inputs: InputsIr, name: str) -> _Member:
    # The rounding of the quantization is in the offset, see the kernel.
    rows = (
        braced([float_literal(float(reciprocal)), str(4 * int(zero_point) + 2)])
        for reciprocal, zero_point in zip(inputs.reciprocal, inputs.zero_point, strict=True)
    )
    return _Member(f"struct {name}_input input[{inputs.length}];", braced(rows, 2))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def parameters(ir: AnomalyIr, name: str) -> str:
    """The text of the struct's type and of the struct.

    Parameters
    ----------
    ir : KMeansIr or GmmIr
    name : str
        The model's identifier.
    """
    if isinstance(ir, KMeansIr):
        row_type, members = _cluster_type(ir, name), _kmeans_members(ir, name)
    else:
        row_type, members = _component_type(ir, name), _gmm_members(ir, name)
    # Whole words: then no compiler puts anything between the members.
    axes = _padded_to_pairs(ir.inputs.axes)
    axis = _Member(f"uint16_t axis[{len(axes)}];", braced(_integers(axes), 2))
    of_floats = [
        _Member("int32_t threshold_q;", int32_literal(ir.score.threshold_q)),
        _Member("float score_scale;", float_literal(ir.score.scale)),
        _input_member(ir.inputs, name),
    ]
    unless = f"#ifndef {name.upper()}_NO_FLOAT"

    def both(part: list[_Member]) -> tuple[str, str]:
        declarations = "\n".join(_indented(member.declaration) for member in part)
        return declarations, "\n".join(f"  {member.value}," for member in part)

    (always, values), (floats, float_values) = both([*members, axis]), both(of_floats)
    return f"""{row_type}

{unless}
struct {name}_input {{
  float reciprocal; /* input steps per unit of the feature */
  int32_t offset;   /* 4 * zero point + 2 */
}};
#endif

struct {name}_params {{
{always}
{unless}
{floats}
#endif
}};

#ifdef {name.upper()}_UPDATABLE
#define {name.upper()}_LINKAGE
extern const struct {name}_params {name}_params;
#else
#define {name.upper()}_LINKAGE static
#endif
{name.upper()}_LINKAGE const struct {name}_params {name}_params = {{
{values}
{unless}
{float_values}
#endif
}};"""
