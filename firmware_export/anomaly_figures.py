"""What an anomaly model costs: flash, RAM, multiplications."""

from __future__ import annotations

from firmware_export.figures import Figures, Layer
from firmware_export.ir import AnomalyIr, KMeansIr

_UNROLLED = 8
"""Features up to which the triangles of a mixture are written out, see `firmware_export.emit_source`."""


def figures(ir: AnomalyIr) -> Figures:
    """The costs of a model; parameters exactly, code and stack rounded up.

    Parameters
    ----------
    ir : KMeansIr or GmmIr
    """
    length = ir.inputs.length
    # Everything but the clusters: cap, multiplier, axes, threshold, scale, reciprocals and offsets.
    common = 16 + 4 * ((length + 1) // 2) + 8 * length
    # What compilers make of the kernels; tests hold both against one.
    if isinstance(ir, KMeansIr):
        parts, part = len(ir.radii), 2 * (length + length % 2) + 8
        products = length
        code = 820 + 52 * min(length, 24)
        label = f"K-means, {parts} clusters"
    else:
        packed = sum((rows + 1) // 2 * 2 for rows in range(1, length + 1))
        parts, part = len(ir.offsets), 2 * packed + 4 * length + 8
        products = length * (length + 1) // 2 + length
        code = 760 + 110 * length if length <= _UNROLLED else 1300
        label = f"GMM, {parts} components"
    macs, weights = parts * products, parts * part
    return Figures(
        parameters=common + weights,
        code=code,
        scratch=0,
        buffers=4 * length,
        stack=64 + 4 * length,
        macs=macs,
        layers=(Layer(label, (1,), macs, weights),),
    )
