"""Operators that only move bytes: shapes, slices, paddings, joins."""

from __future__ import annotations

import numpy as np

from firmware_export.networks import ir
from firmware_export.networks.fixed_point import round_half_away
from firmware_export.networks.lower.context import Lowering, zero
from firmware_export.networks.tflite_graph import Tensor


def reshape(low: Lowering) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the same bytes."""
    x, out = _pair(low)
    low.require(np.prod(x.shape, dtype=np.int64) == np.prod(out.shape, dtype=np.int64), "shapes do not fit")
    low.emit(ir.Reshape((x.index,), out.index, low.label))


def concatenation(low: Lowering) -> None:
    """CONCATENATION of inputs with the output's scale."""
    out = low.output()
    low.require(low.node.options["FusedActivationFunction"] == 0, "a fused activation is not supported")
    axis = low.node.options["Axis"]
    axis += len(out.shape) if axis < 0 else 0
    low.require(0 <= axis < len(out.shape), f"the axis {axis}")
    corners, at, inputs = [], 0, []
    for place in range(len(low.node.inputs)):
        x = low.data(place)
        low.require(low.same_quantization(x, out), "inputs and output must share scale and zero point")
        rest = x.shape[:axis] + x.shape[axis + 1 :]
        low.require(len(x.shape) == len(out.shape), "shapes do not fit")
        low.require(rest == out.shape[:axis] + out.shape[axis + 1 :], "shapes do not fit")
        corners.append(tuple(at if k == axis else 0 for k in range(len(out.shape))))
        at += x.shape[axis]
        inputs.append(x.index)
    low.require(at == out.shape[axis], "shapes do not fit")
    low.emit(ir.Place(tuple(inputs), out.index, low.label, tuple(corners), None))


def pad(low: Lowering) -> None:
    """PAD with zeros, PADV2 with a constant."""
    x, out = _pair(low)
    paddings = low.integers(1)
    low.require(paddings.shape == (len(x.shape), 2) and bool(np.all(paddings >= 0)), "broken paddings")
    sizes = tuple(int(size + before + after) for size, (before, after) in zip(x.shape, paddings, strict=True))
    low.require(sizes == out.shape, "shapes do not fit")
    fill = zero(out)
    if low.node.kind == "PADV2":
        value = low.data(2)
        low.require(
            low.same_quantization(value, out), "its constant must share the output's scale and zero point"
        )
        content = low.values[value.index].constant
        low.require(content is not None and content.size == 1, "its constant must be one constant number")
        assert content is not None
        fill = int(content.reshape(-1)[0])
    corner = tuple(int(before) for before, _ in paddings)
    low.emit(ir.Place((x.index,), out.index, low.label, (corner,), fill))


def transpose(low: Lowering) -> None:
    """TRANSPOSE."""
    x, out = _pair(low)
    axes = tuple(int(axis) for axis in low.integers(1).reshape(-1))
    low.require(sorted(axes) == list(range(len(x.shape))), f"the permutation {list(axes)}")
    _gather(low, x, out, axes, [np.arange(x.shape[axis]) for axis in axes])


def strided_slice(low: Lowering) -> None:
    """STRIDED_SLICE with constant bounds; an ellipsis or a new axis is refused."""
    x, out = _pair(low)
    options = low.node.options
    low.require(
        not options["EllipsisMask"] and not options["NewAxisMask"], "ellipsis and new axes are not supported"
    )
    low.require(not options["Offset"], "ends as offsets are not supported")
    begin, end, strides = (low.integers(place).reshape(-1) for place in (1, 2, 3))
    low.require(len(begin) == len(end) == len(strides) <= len(x.shape), "broken bounds")
    indices = [np.arange(size) for size in x.shape]
    for axis, (first, last, stride) in enumerate(zip(begin, end, strides, strict=True)):
        low.require(stride != 0, "a stride of 0")
        start = None if options["BeginMask"] >> axis & 1 else int(first)
        stop = None if options["EndMask"] >> axis & 1 else int(last)
        if options["ShrinkAxisMask"] >> axis & 1:
            place = int(first) + (x.shape[axis] if first < 0 else 0)
            low.require(0 <= place < x.shape[axis], "broken bounds")
            indices[axis] = np.array([place])
        else:
            indices[axis] = indices[axis][slice(start, stop, int(stride))]
    low.require(all(len(places) for places in indices), "an empty slice")
    _gather(low, x, out, tuple(range(len(x.shape))), indices)


def resize_nearest_neighbor(low: Lowering) -> None:
    """RESIZE_NEAREST_NEIGHBOR, in the runtimes' float32 arithmetic."""
    x, out = _pair(low)
    low.require(len(x.shape) == 4 and len(out.shape) == 4, "ranks must be 4")
    low.require((x.shape[0], x.shape[3]) == (out.shape[0], out.shape[3]), "shapes do not fit")
    low.require(tuple(low.integers(1).reshape(-1)) == out.shape[1:3], "shapes do not fit")
    align, half = low.node.options["AlignCorners"], low.node.options["HalfPixelCenters"]
    axes = [
        np.arange(1),
        *(_nearest(x.shape[k], out.shape[k], align, half) for k in (1, 2)),
        np.arange(x.shape[3]),
    ]
    _gather(low, x, out, (0, 1, 2, 3), axes)


def _nearest(size: int, wanted: int, align: bool, half: bool) -> ir.Int64:
    """The input position of each output position, as tflite's `GetNearestNeighbor` has it."""
    one = np.float32(1)
    scale = (
        one * (size - 1) / np.float32(wanted - 1) if align and wanted > 1 else one * size / np.float32(wanted)
    )
    offset = np.float32(0.5 if half else 0.0)
    places = []
    for k in range(wanted):
        position = np.float32(np.float32(k) + offset) * scale
        place = round_half_away(position) if align else int(np.floor(position))
        places.append(min(max(place, 0), size - 1))
    return np.array(places, np.int64)


def _gather(low: Lowering, x: Tensor, out: Tensor, axes: tuple[int, ...], indices: list[ir.Int64]) -> None:
    total = np.prod([len(places) for places in indices], dtype=np.int64)
    low.require(total == np.prod(out.shape, dtype=np.int64), "shapes do not fit")
    low.emit(ir.Gather((x.index,), out.index, low.label, axes, tuple(indices)))


def _pair(low: Lowering) -> tuple[Tensor, Tensor]:
    x, out = low.data(0), low.output()
    low.require(low.same_quantization(x, out), "input and output must share scale and zero point")
    return x, out
