"""What each step means, in NumPy: the oracle that the C equals bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from firmware_export.networks import ir
from firmware_export.networks.fixed_point import (
    exp_on_negative,
    high_multiply,
    reciprocal,
    requantize,
    rounding_shift,
    wrap32,
)
from firmware_export.networks.ir import Int8, Int64


def run(network: ir.Network, inputs: Int8) -> Int8:
    """The network's output for a batch of inputs.

    Parameters
    ----------
    network : Network
    inputs : int8 array, shape (n, input length)

    Returns
    -------
    int8 array, shape (n, output length)
    """
    rows = [_run_one(network, row) for row in np.asarray(inputs, np.int8)]
    return np.stack(rows) if rows else np.zeros((0, network.values[network.output].size), np.int8)


def _run_one(network: ir.Network, row: Int8) -> Int8:
    known = {number: value.constant for number, value in network.values.items() if value.constant is not None}
    known[network.input] = row.reshape(network.shape(network.input))
    for step in network.steps:
        known[step.output] = run_step(step, [known[i] for i in step.inputs], network.shape(step.output))
    return known[network.output].reshape(-1)


def run_step(step: ir.Step, inputs: Sequence[Int8], shape: tuple[int, ...]) -> Int8:
    """The output of one step, of the given shape."""
    result: Any = _MEANINGS[type(step)](step, [np.asarray(x, np.int64) for x in inputs], shape)
    return np.asarray(result, np.int64).reshape(shape).astype(np.int8)


def _finish(sums: Int64, how: ir.Requantization) -> Int64:
    scaled = requantize(wrap32(sums), how.multiplier, how.shift) + how.zero_point
    return np.clip(scaled, how.low, how.high)


def patches(x: Int64, window: ir.Window, out: tuple[int, int], fill: int) -> Int64:
    """The input of each output pixel: (height, width, kernel height, kernel width, channels)."""
    height, width, _ = x.shape
    (kh, kw), (sh, sw), (dh, dw), (top, left) = window.kernel, window.stride, window.dilation, window.pad
    rows = np.arange(out[0])[:, None] * sh - top + np.arange(kh) * dh
    columns = np.arange(out[1])[:, None] * sw - left + np.arange(kw) * dw
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[
        None, :, None, :
    ]
    taken = x[
        np.clip(rows, 0, height - 1)[:, None, :, None], np.clip(columns, 0, width - 1)[None, :, None, :]
    ]
    return np.where(inside[..., None], taken, fill)


def _convolution(step: ir.Convolution, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    channels, pixels = step.weights.shape[3], int(np.prod(shape[:-1], dtype=int))
    if step.window.kernel == (1, 1) and inputs[0].size == pixels * channels:
        flat = inputs[0].reshape(pixels, channels)
    else:
        picture = inputs[0].reshape(inputs[0].shape[-3:])
        flat = patches(picture, step.window, (shape[-3], shape[-2]), step.input_zero).reshape(pixels, -1)
    # float64 holds these sums exactly, and its matrix product is fast
    weights = step.weights.reshape(len(step.weights), -1).astype(np.float64)
    sums = np.rint((flat - step.input_zero).astype(np.float64) @ weights.T).astype(np.int64) + step.bias
    return _finish(sums, step.requantization)


def _depthwise(step: ir.Depthwise, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    taken = patches(
        inputs[0].reshape(inputs[0].shape[-3:]), step.window, (shape[-3], shape[-2]), step.input_zero
    )
    taken = np.repeat(taken - step.input_zero, step.multiplier, axis=-1)
    sums = np.einsum("yxhwc,hwc->yxc", taken, step.weights.astype(np.int64)) + step.bias
    return _finish(sums, step.requantization)


def _pool(step: ir.Pool, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    outside = -1000
    taken = patches(inputs[0].reshape(inputs[0].shape[-3:]), step.window, (shape[-3], shape[-2]), outside)
    inside = taken != outside
    if step.maximum:
        result = taken.max(axis=(2, 3))
    else:
        count = inside.sum(axis=(2, 3))
        total = np.where(inside, taken, 0).sum(axis=(2, 3))
        result = np.sign(total) * ((abs(total) + count // 2) // count)
    return np.asarray(np.clip(result, step.low, step.high), np.int64)


def _lookup(step: ir.Lookup, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    return np.asarray(step.table[inputs[0] + 128], np.int64)


def _add(step: ir.Add, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    terms = [
        requantize((x - zero) << 20, multiplier, shift)
        for x, zero, multiplier, shift in zip(inputs, step.zeros, step.multipliers, step.shifts, strict=True)
    ]
    return _finish(terms[0] + step.sign * terms[1], step.requantization)


def _multiply(step: ir.Multiply, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    return _finish((inputs[0] - step.zeros[0]) * (inputs[1] - step.zeros[1]), step.requantization)


def _extremum(step: ir.Extremum, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    return np.maximum(*inputs) if step.maximum else np.minimum(*inputs)


def _reduce(step: ir.Reduce, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    if step.requantization is None:
        return np.asarray(inputs[0].max(axis=step.axes))
    return _finish(inputs[0].sum(axis=step.axes) + step.offset, step.requantization)


def _softmax(step: ir.Softmax, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    rows = inputs[0].reshape(-1, inputs[0].shape[-1])
    table = {
        difference: exp_on_negative(int(high_multiply(difference << step.shift, step.multiplier)), 5)
        for difference in range(max(step.least_difference, -255), 1)
    }
    out = np.full(rows.shape, -128, np.int64)
    for i, row in enumerate(rows):
        exponentials = [table.get(int(x - row.max())) for x in row]
        total = sum(int(rounding_shift(e, 12)) for e in exponentials if e is not None)
        scale, bits = reciprocal(total, 12)
        for j, e in enumerate(exponentials):
            if e is not None:
                out[i, j] = min(127, int(rounding_shift(high_multiply(scale, e), bits + 23)) - 128)
    return out


def _gather(step: ir.Gather, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    return np.asarray(inputs[0].transpose(step.axes)[np.ix_(*step.indices)], np.int64)


def _place(step: ir.Place, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    out = np.full(shape, step.fill or 0, np.int64)
    for x, corner in zip(inputs, step.corners, strict=True):
        out[tuple(slice(start, start + size) for start, size in zip(corner, x.shape, strict=True))] = x
    return out


def _reshape(step: ir.Reshape, inputs: list[Int64], shape: tuple[int, ...]) -> Int64:
    return inputs[0]


_MEANINGS: dict[type[ir.Step], Callable[..., Int64]] = {
    ir.Add: _add,
    ir.Convolution: _convolution,
    ir.Depthwise: _depthwise,
    ir.Extremum: _extremum,
    ir.Gather: _gather,
    ir.Lookup: _lookup,
    ir.Multiply: _multiply,
    ir.Place: _place,
    ir.Pool: _pool,
    ir.Reduce: _reduce,
    ir.Reshape: _reshape,
    ir.Softmax: _softmax,
}
