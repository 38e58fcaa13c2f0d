"""Removes channels that no output depends on, changing no bit.

A channel is dead where interval propagation over all int8 inputs proves it constant, or where nothing
reads it but weights of zero and other dead channels. Its value goes into the biases of the convolutions
behind it. Padding is respected: a constant that is not the zero point looks different at the border of a
padded layer, so that layer's output, and with it the channel, stays alive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from firmware_export.networks import ir
from firmware_export.networks.fixed_point import requantize
from firmware_export.networks.ir import Int64

Mask = npt.NDArray[np.bool_]
Bounds = tuple[Int64, Int64]

_GROUP = 4
"""Channels that the kernels handle at a time: kept counts are multiples of it where the original's are."""


def clean(network: ir.Network) -> ir.Network:
    """The network without its dead channels; equal on every input."""
    bounds = channel_bounds(network)
    dropped = _droppable(network, bounds)
    if not any(mask.any() for mask in dropped.values()):
        return network
    values = {
        number: replace(value, shape=(*value.shape[:-1], int((~dropped[number]).sum())))
        if number in dropped
        else value
        for number, value in network.values.items()
    }
    steps = tuple(_without(step, dropped, bounds) for step in network.steps)
    return network.with_steps(steps, values)


def channel_bounds(network: ir.Network) -> dict[int, Bounds]:
    """Least and largest value of each channel (last axis) of each value, over all int8 inputs."""
    bounds: dict[int, Bounds] = {}
    for number, value in network.values.items():
        count = value.shape[-1] if value.shape else 1
        bounds[number] = (np.full(count, -128, np.int64), np.full(count, 127, np.int64))
    for step in network.steps:
        found = _step_bounds(network, step, bounds[step.inputs[0]])
        if found is not None:
            bounds[step.output] = found
    return bounds


def _step_bounds(network: ir.Network, step: ir.Step, given: Bounds) -> Bounds | None:
    low, high = given
    shape, out = network.shape(step.inputs[0]), network.shape(step.output)
    if isinstance(step, ir.Convolution):
        return _convolution_bounds(step, shape, out, given)
    if isinstance(step, ir.Depthwise):
        return _depthwise_bounds(step, shape, out, given)
    if isinstance(step, ir.Lookup):
        table = step.table.astype(np.int64)
        pairs = [table[a + 128 : b + 129] for a, b in zip(low, high, strict=True)]
        return np.array([p.min() for p in pairs]), np.array([p.max() for p in pairs])
    if isinstance(step, ir.Pool):
        return np.clip(low, step.low, step.high), np.clip(high, step.low, step.high)
    if isinstance(step, ir.Reduce) and len(shape) - 1 not in step.axes:
        if step.requantization is None:
            return given
        count = network.values[step.inputs[0]].size // network.values[step.output].size
        ends = [_finish(count * end + step.offset, step.requantization) for end in given]
        return ends[0], ends[1]
    if isinstance(step, ir.Reshape) and (shape[-1:] == out[-1:] or _is_flat(shape, out)):
        repeats = out[-1] // shape[-1] if out else 1
        return np.tile(low, repeats), np.tile(high, repeats)
    return None


def _convolution_bounds(
    step: ir.Convolution, shape: tuple[int, ...], out: tuple[int, ...], given: Bounds
) -> Bounds:
    # A fully connected layer reads pixel behind pixel as one row.
    repeats = step.weights.shape[3] // len(given[0])
    low, high = _with_border(step, shape, out, np.tile(given[0], repeats), np.tile(given[1], repeats))
    sums = _sum_bounds(
        step.weights.astype(np.int64), low - step.input_zero, high - step.input_zero, step.bias
    )
    return _after(sums, step)


def _depthwise_bounds(
    step: ir.Depthwise, shape: tuple[int, ...], out: tuple[int, ...], given: Bounds
) -> Bounds:
    inside = _with_border(step, shape, out, *given)
    low, high = (np.repeat(b - step.input_zero, step.multiplier) for b in inside)
    weights = np.moveaxis(step.weights.astype(np.int64), 2, 0)
    up, down = np.maximum(weights, 0).sum(axis=(1, 2)), np.minimum(weights, 0).sum(axis=(1, 2))
    return _after((step.bias + up * low + down * high, step.bias + up * high + down * low), step)


def _is_flat(shape: tuple[int, ...], out: tuple[int, ...]) -> bool:
    """Whether a reshape lays pixel behind pixel into one row."""
    return len(shape) > 0 and len(out) > 0 and int(np.prod(shape, dtype=np.int64)) == out[-1]


def _with_border(
    step: ir.Convolution | ir.Depthwise, shape: tuple[int, ...], out: tuple[int, ...], low: Int64, high: Int64
) -> Bounds:
    if not reaches_outside(step, shape, out):
        return low, high
    return np.minimum(low, step.input_zero), np.maximum(high, step.input_zero)


def reaches_outside(
    step: ir.Convolution | ir.Depthwise, shape: tuple[int, ...], out: tuple[int, ...]
) -> bool:
    """Whether any output stands on padding."""
    window = step.window
    if window.kernel == (1, 1) and window.pad == (0, 0):
        return False
    for axis in (0, 1):
        last = (out[axis - 3] - 1) * window.stride[axis] - window.pad[axis]
        if (
            window.pad[axis] > 0
            or last + (window.kernel[axis] - 1) * window.dilation[axis] >= shape[axis - 3]
        ):
            return True
    return False


def _sum_bounds(weights: Int64, low: Int64, high: Int64, bias: Int64) -> Bounds:
    up, down = np.maximum(weights, 0).sum(axis=(1, 2)), np.minimum(weights, 0).sum(axis=(1, 2))
    return bias + up @ low + down @ high, bias + up @ high + down @ low


def _after(sums: Bounds, step: ir.Convolution | ir.Depthwise) -> Bounds:
    # Beyond int32 the runtimes wrap round: nothing is known then.
    if bool(np.any(sums[0] < -(1 << 31)) or np.any(sums[1] >= 1 << 31)) or _shifts_overflow(
        sums, step.requantization
    ):
        count = len(sums[0])
        return np.full(count, -128, np.int64), np.full(count, 127, np.int64)
    return _finish(sums[0], step.requantization), _finish(sums[1], step.requantization)


def _shifts_overflow(sums: Bounds, how: ir.Requantization) -> bool:
    left = np.maximum(how.shift, 0)
    return bool(np.any(sums[0] << left < -(1 << 31)) or np.any(sums[1] << left >= 1 << 31))


def _finish(sums: Int64, how: ir.Requantization) -> Int64:
    return np.clip(requantize(sums, how.multiplier, how.shift) + how.zero_point, how.low, how.high)


def _droppable(network: ir.Network, bounds: Mapping[int, Bounds]) -> dict[int, Mask]:
    """The largest set of channels that can go, by value: everything, less what somebody needs."""
    keep: dict[int, Mask] = {}
    for number, value in network.values.items():
        fixed = number in (network.input, network.output) or value.constant is not None or not value.shape
        keep[number] = np.full(value.shape[-1] if value.shape else 1, fixed)
    for step in network.steps:
        if not _is_linked(network, step) and not isinstance(step, ir.Convolution):
            keep[step.output][:] = True

    # Needs first, to the end: rounding up before that would keep channels that nobody asked for.
    def need() -> None:
        for step in network.steps:
            _need(network, step, keep, bounds)

    def round_up() -> None:
        for number, mask in keep.items():
            _round_up(mask, network.shape(number))

    while _grows(keep, need) or _grows(keep, round_up):
        pass
    return {number: ~mask for number, mask in keep.items()}


def _grows(keep: Mapping[int, Mask], act: Callable[[], None]) -> bool:
    before = sum(int(mask.sum()) for mask in keep.values())
    act()
    return sum(int(mask.sum()) for mask in keep.values()) > before


def _round_up(keep: Mask, shape: tuple[int, ...]) -> None:
    """Keep at least one channel, and whole groups."""
    group = _GROUP if len(shape) == 4 and len(keep) % _GROUP == 0 else 1
    wanted = max(-(-int(keep.sum()) // group) * group, min(group, len(keep)))
    spare = np.flatnonzero(~keep)[: wanted - int(keep.sum())]
    keep[spare] = True


def _is_linked(network: ir.Network, step: ir.Step) -> bool:
    """Whether output channel c is made from input channel c alone, so that both go or stay."""
    shape, out = network.shape(step.inputs[0]), network.shape(step.output)
    if isinstance(step, ir.Depthwise):
        return step.multiplier == 1
    if isinstance(step, ir.Reduce):
        return len(shape) - 1 not in step.axes and shape[-1:] == out[-1:]
    if isinstance(step, ir.Reshape):
        return shape[-1:] == out[-1:] or _is_flat(shape, out)
    return isinstance(step, (ir.Pool, ir.Lookup))


def _need(network: ir.Network, step: ir.Step, keep: dict[int, Mask], bounds: Mapping[int, Bounds]) -> None:
    """Keep what the step needs of its inputs."""
    source = step.inputs[0]
    if _is_linked(network, step):
        repeats = len(keep[step.output]) // len(keep[source])
        both = keep[source] | keep[step.output].reshape(repeats, -1).any(axis=0)
        keep[source][:] = both
        keep[step.output][:] = np.tile(both, repeats)
    elif isinstance(step, ir.Convolution) and step.weights.shape[3] == len(keep[source]):
        low, high = bounds[source]
        free = low == high
        if reaches_outside(step, network.shape(source), network.shape(step.output)):
            free &= low == step.input_zero
        keep[source][:] |= ~(free | ~step.weights.any(axis=(0, 1, 2)))
    else:
        for number in step.inputs:
            keep[number][:] = True


def _without(step: ir.Step, dropped: Mapping[int, Mask], bounds: Mapping[int, Bounds]) -> ir.Step:
    """The step on fewer channels."""
    out = ~dropped[step.output]
    if isinstance(step, ir.Depthwise) and dropped[step.output].any():
        how = _picked(step.requantization, out)
        return replace(step, weights=step.weights[:, :, out], bias=step.bias[out], requantization=how)
    if isinstance(step, ir.Convolution):
        gone = dropped[step.inputs[0]]
        weights, bias = step.weights[out], step.bias[out]
        if len(gone) == weights.shape[3] and gone.any():
            constants = bounds[step.inputs[0]][0][gone] - step.input_zero
            bias = bias + weights[:, :, :, gone].astype(np.int64).sum(axis=(1, 2)) @ constants
            weights = weights[:, :, :, ~gone]
        how = _picked(step.requantization, out)
        return replace(step, weights=np.ascontiguousarray(weights), bias=bias, requantization=how)
    return step


def _picked(how: ir.Requantization, keep: Mask) -> ir.Requantization:
    if len(how.multiplier) != len(keep):
        return how
    return replace(how, multiplier=how.multiplier[keep], shift=how.shift[keep])
