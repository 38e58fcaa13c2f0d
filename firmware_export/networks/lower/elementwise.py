"""ADD, SUB, MUL, MAXIMUM, MINIMUM, with broadcasting."""

from __future__ import annotations

from firmware_export.networks import ir
from firmware_export.networks.fixed_point import quantize_multiplier
from firmware_export.networks.lower.context import Lowering, zero
from firmware_export.networks.tflite_graph import Tensor


def add(low: Lowering) -> None:
    """ADD."""
    _add(low, sign=1)


def sub(low: Lowering) -> None:
    """SUB."""
    _add(low, sign=-1)


def _add(low: Lowering, *, sign: int) -> None:
    a, b, out = _operands(low)
    twice = 2.0 * float(max(a.scale[0], b.scale[0]))
    pairs = [quantize_multiplier(float(t.scale[0]) / twice) for t in (a, b)]
    factor = twice / ((1 << 20) * float(out.scale[0]))
    low.require(factor < 1.0, "an output scale so much finer than the inputs' that the runtimes refuse it")
    low.emit(
        ir.Add(
            inputs=(a.index, b.index),
            output=out.index,
            label=low.label,
            sign=sign,
            zeros=(zero(a), zero(b)),
            multipliers=(pairs[0][0], pairs[1][0]),
            shifts=(pairs[0][1], pairs[1][1]),
            requantization=low.requantization([factor]),
        )
    )


def mul(low: Lowering) -> None:
    """MUL."""
    a, b, out = _operands(low)
    factor = float(a.scale[0]) * float(b.scale[0]) / float(out.scale[0])
    how = low.requantization([factor])
    low.require(int(how.shift[0]) <= 14, "an output scale so much finer than the inputs' that sums overflow")
    low.emit(ir.Multiply((a.index, b.index), out.index, low.label, (zero(a), zero(b)), how))


def maximum(low: Lowering) -> None:
    """MAXIMUM."""
    _extremum(low, maximum=True)


def minimum(low: Lowering) -> None:
    """MINIMUM."""
    _extremum(low, maximum=False)


def _extremum(low: Lowering, *, maximum: bool) -> None:
    a, b, out = _operands(low)
    same = low.same_quantization(a, out) and low.same_quantization(b, out)
    low.require(same, "inputs and output must share scale and zero point")
    low.emit(ir.Extremum((a.index, b.index), out.index, low.label, maximum))


def _operands(low: Lowering) -> tuple[Tensor, Tensor, Tensor]:
    a, b, out = low.data(0), low.data(1), low.output()
    rank = max(len(a.shape), len(b.shape))
    shapes = [(1,) * (rank - len(t.shape)) + t.shape for t in (a, b)]
    pairs = list(zip(*shapes, strict=True))
    low.require(all(x == y or 1 in (x, y) for x, y in pairs), "shapes do not fit")
    low.require(out.shape == tuple(max(x, y) for x, y in pairs), "shapes do not fit")
    return a, b, out
