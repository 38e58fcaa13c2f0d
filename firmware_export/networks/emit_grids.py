"""Loops over regular grids: axes joined where that changes nothing, and sizes and strides for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware_export.cprint import braced
from firmware_export.errors import UnsupportedModel
from firmware_export.networks import ir
from firmware_export.networks.ir import Int64

Axis = tuple[int, tuple[int, ...]]
"""A size, and a stride for each side."""


def _strides(shape: tuple[int, ...]) -> list[int]:
    return [int(np.prod(shape[k + 1 :], dtype=np.int64)) for k in range(len(shape))]


def _join(axes: Sequence[Axis], most: int) -> list[Axis]:
    """Drop axes of size 1, join neighbours that run on into each other, and fill up to `most`."""
    joined: list[Axis] = []
    for size, strides in axes:
        if size == 1:
            continue
        if joined:
            above, steps = joined[-1]
            if all(step == size * stride for step, stride in zip(steps, strides, strict=True)):
                joined[-1] = (above * size, strides)
                continue
        joined.append((size, strides))
    if len(joined) > most or any(size > 65535 for size, _ in joined):
        joined = [part for axis in joined for part in _halved(axis)]
    if len(joined) > most or any(size > 65535 for size, _ in joined):
        raise UnsupportedModel(
            f"an operator runs over {len(joined)} irregular axes; at most {most} are supported"
        )
    sides = len(axes[0][1]) if axes else 2
    return [(1, (0,) * sides)] * (most - len(joined)) + joined


def _halved(axis: Axis) -> list[Axis]:
    """An axis too long for 16 bits as two, where it has a factor that fits."""
    size, strides = axis
    if size <= 65535:
        return [axis]
    factor = next((f for f in range(2, 4096) if size % f == 0 and size // f <= 65535), 0)
    if not factor:
        return [axis]
    inner = size // factor
    return [(factor, tuple(inner * stride for stride in strides)), (inner, strides)]


@dataclass(frozen=True)
class BroadcastGrid:
    """Four axes over two inputs; a stride of 0 repeats."""

    axes: list[Axis]

    @classmethod
    def of(cls, shapes: list[tuple[int, ...]], out: tuple[int, ...]) -> BroadcastGrid:
        """The grid of two inputs that broadcast to `out`."""
        sides = []
        for shape in shapes:
            full = (1,) * (len(out) - len(shape)) + shape
            sides.append([0 if size == 1 else step for size, step in zip(full, _strides(full), strict=True)])
        axes = [(size, (a, b)) for size, a, b in zip(out, *sides, strict=True)]
        return cls(_join(axes, 4))

    def initializer(self) -> str:
        """Of `struct model_broadcast`."""
        sizes = [size for size, _ in self.axes]
        sides = [braced(str(steps[k]) for _, steps in self.axes) for k in (0, 1)]
        return f"{{{braced(map(str, sizes[:3]))}, {sizes[3]}, {sides[0]}, {sides[1]}}}"


def reduction(shape: tuple[int, ...], axes: tuple[int, ...]) -> list[str]:
    """The first four members of `struct model_reduce`."""
    every = list(zip(shape, ((step,) for step in _strides(shape)), strict=True))
    kept = _join([axis for k, axis in enumerate(every) if k not in axes], 3)
    gone = _join([axis for k, axis in enumerate(every) if k in axes], 3)
    sizes = [braced(str(size) for size, _ in side) for side in (kept, gone)]
    steps = [braced(str((*stride, 0)[0]) for _, stride in side) for side in (kept, gone)]
    return [*sizes, *steps]


Copy = tuple[int, int, int, list[str]]
"""Which input, where it starts there, where in the output, and the members of `struct model_copy`."""


def copies(network: ir.Network, step: ir.Step) -> list[Copy] | None:
    """The copies that a Gather or a Place consists of; None where its positions are irregular."""
    out = network.shape(step.output)
    if isinstance(step, ir.Place):
        result = []
        for k, (source, corner) in enumerate(zip(step.inputs, step.corners, strict=True)):
            shape = network.shape(source)
            axes = list(zip(shape, zip(_strides(shape), _strides(out), strict=True), strict=True))
            start = sum(at * stride for at, stride in zip(corner, _strides(out), strict=True))
            result.append((k, 0, start, _copy(axes)))
        return result
    assert isinstance(step, ir.Gather)
    steps = _strides(network.shape(step.inputs[0]))
    outward = _strides(tuple(len(places) for places in step.indices))
    start, axes = 0, []
    for axis, places, stride in zip(step.axes, step.indices, outward, strict=True):
        parts = _regular(places)
        if parts is None:
            return None
        start += int(places[0]) * steps[axis]
        axes += [(size, (a * steps[axis], b * stride)) for size, (a, b) in parts]
    return [(0, start, 0, _copy(axes))]


def _copy(axes: Sequence[Axis]) -> list[str]:
    joined = _join(axes, 5)
    return [
        braced(str(size) for size, _ in joined),
        *(braced(str(strides[k]) for _, strides in joined) for k in (0, 1)),
    ]


def _regular(places: Int64) -> list[Axis] | None:
    """Positions as one axis of equal steps, or as two where each position repeats; None where irregular.

    Strides are (steps on the input, steps on the output).
    """
    for repeat in (1, *(r for r in range(2, 17) if len(places) % r == 0)):
        rows = places.reshape(-1, repeat)
        steps = np.diff(rows[:, 0])
        if np.all(rows == rows[:, :1]) and np.all(steps == steps[:1]):
            step = int(steps[0]) if len(steps) else 0
            return [(len(rows), (step, repeat)), (repeat, (0, 1))]
    return None
