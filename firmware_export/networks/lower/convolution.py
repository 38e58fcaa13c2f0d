"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, and the two pools."""

from __future__ import annotations

import numpy as np

from firmware_export.networks import ir
from firmware_export.networks.lower.context import Lowering, zero
from firmware_export.networks.tflite_graph import Tensor

MAX_MACS = 1 << 31
"""Multiplications of one operator; a microcontroller would need minutes."""

MAX_PATCHES = 1 << 25
"""Numbers in all patches that one operator reads; bounds the exporter's own memory."""


def conv_2d(low: Lowering) -> None:
    """CONV_2D; filters of fewer input channels (groups) are refused."""
    x, out = low.data(0), low.output()
    weights, filters = low.weights(1)
    low.require(len(x.shape) == 4 and weights.ndim == 4 and len(out.shape) == 4, "ranks must be 4")
    low.require(weights.shape[3] == x.shape[3], "grouped convolutions are not supported")
    window = _window(low, x, out, (weights.shape[1], weights.shape[2]))
    low.require(out.shape[3] == weights.shape[0], "shapes do not fit")
    _limit(low, out, weights.size // weights.shape[0], weights.shape[0])
    low.emit(
        ir.Convolution(
            inputs=(x.index,),
            output=out.index,
            label=low.label,
            weights=weights,
            bias=low.bias(2, weights.shape[0]),
            input_zero=zero(x),
            window=window,
            requantization=low.requantization(_channel_scales(low, x, filters, out, 0)),
        )
    )


def depthwise_conv_2d(low: Lowering) -> None:
    """DEPTHWISE_CONV_2D with any depth multiplier."""
    x, out = low.data(0), low.output()
    weights, filters = low.weights(1)
    low.require(len(x.shape) == 4 and weights.ndim == 4 and len(out.shape) == 4, "ranks must be 4")
    channels = weights.shape[3]
    low.require(
        weights.shape[0] == 1 and channels == out.shape[3] and channels % x.shape[3] == 0, "shapes do not fit"
    )
    _limit(low, out, weights.shape[1] * weights.shape[2], 1)
    low.emit(
        ir.Depthwise(
            inputs=(x.index,),
            output=out.index,
            label=low.label,
            weights=weights[0],
            bias=low.bias(2, channels),
            input_zero=zero(x),
            multiplier=channels // x.shape[3],
            window=_window(low, x, out, (weights.shape[1], weights.shape[2])),
            requantization=low.requantization(_channel_scales(low, x, filters, out, 3)),
        )
    )


def fully_connected(low: Lowering) -> None:
    """FULLY_CONNECTED: a 1x1 convolution over the rows of its input."""
    x, out = low.data(0), low.output()
    weights, filters = low.weights(1)
    low.require(low.node.options["WeightsFormat"] == 0, "shuffled weights are not supported")
    low.require(weights.ndim == 2, "its weights must have rank 2")
    units, depth = weights.shape
    rows = int(np.prod(x.shape, dtype=np.int64)) // depth
    low.require(rows * depth == np.prod(x.shape, dtype=np.int64), "shapes do not fit")
    low.require(
        rows * units == np.prod(out.shape, dtype=np.int64) and out.shape[-1:] == (units,), "shapes do not fit"
    )
    _limit(low, out, depth, units)
    if len(filters.scale) == 1:
        # A product of floats, as the runtimes compute it: the last bit of the multiplier depends on it.
        scales = [float(np.float32(x.scale[0] * filters.scale[0])) / float(out.scale[0])] * units
    else:
        scales = _channel_scales(low, x, filters, out, 0)
    low.emit(
        ir.Convolution(
            inputs=(x.index,),
            output=out.index,
            label=low.label,
            weights=weights.reshape(units, 1, 1, depth),
            bias=low.bias(2, units),
            input_zero=zero(x),
            window=ir.Window((1, 1), (1, 1), (1, 1), (0, 0)),
            requantization=low.requantization(scales),
        )
    )


def max_pool_2d(low: Lowering) -> None:
    """MAX_POOL_2D."""
    _pool(low, maximum=True)


def average_pool_2d(low: Lowering) -> None:
    """AVERAGE_POOL_2D."""
    _pool(low, maximum=False)


def _pool(low: Lowering, *, maximum: bool) -> None:
    x, out = low.data(0), low.output()
    low.require(len(x.shape) == 4 and len(out.shape) == 4, "ranks must be 4")
    low.require(low.same_quantization(x, out), "input and output must share scale and zero point")
    low.require(x.shape[3] == out.shape[3], "shapes do not fit")
    options = low.node.options
    kernel = (options["FilterHeight"], options["FilterWidth"])
    low.require(min(kernel) >= 1 and max(kernel) <= 4096, f"a window of {kernel}")
    window = _window(low, x, out, kernel)
    _limit(low, out, kernel[0] * kernel[1], 1)
    bounds = low.clamp()
    low.emit(ir.Pool((x.index,), out.index, low.label, maximum, window, *bounds))


def _window(low: Lowering, x: Tensor, out: Tensor, kernel: tuple[int, int]) -> ir.Window:
    options = low.node.options
    stride = (options["StrideH"], options["StrideW"])
    dilation = (options.get("DilationHFactor", 1), options.get("DilationWFactor", 1))
    low.require(min(stride + dilation) >= 1 and max(stride + dilation) <= 4096, "broken strides or dilations")
    low.require(options["Padding"] in (0, 1), f"the padding {options['Padding']} is not known")
    low.require(x.shape[0] == 1 and out.shape[0] == 1, f"a batch of {x.shape[0]}; only 1 is supported")
    same = options["Padding"] == 0
    pads = []
    for axis in (0, 1):
        size, reach = x.shape[1 + axis], (kernel[axis] - 1) * dilation[axis] + 1
        wanted = -(-size // stride[axis]) if same else -(-(size - reach + 1) // stride[axis])
        low.require(wanted == out.shape[1 + axis], "shapes do not fit")
        pads.append(max((wanted - 1) * stride[axis] + reach - size, 0) // 2 if same else 0)
    return ir.Window(kernel, stride, dilation, (pads[0], pads[1]))


def _channel_scales(low: Lowering, x: Tensor, filters: Tensor, out: Tensor, axis: int) -> list[float]:
    channels = filters.shape[axis]
    scales = filters.scale
    if len(scales) > 1:
        low.require(
            len(scales) == channels and filters.axis == axis, "its weights are quantized along another axis"
        )
    else:
        scales = np.repeat(scales, channels)
    return [float(x.scale[0]) * float(scale) / float(out.scale[0]) for scale in scales]


def _limit(low: Lowering, out: Tensor, each: int, shared: int) -> None:
    """Refuse what takes too long: `each` numbers are read for an output, the same for `shared` of them."""
    macs = int(np.prod(out.shape, dtype=np.int64)) * each
    low.require(macs <= MAX_MACS, f"{macs} multiplications, more than a microcontroller can do")
    low.require(macs // shared <= MAX_PATCHES, "patches of more numbers than are supported")
