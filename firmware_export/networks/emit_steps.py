"""Each step to its call: which kernel, with which parameters, and how much scratch the kernel needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firmware_export.networks import ir
from firmware_export.networks.code import Code
from firmware_export.networks.emit_grids import BroadcastGrid, copies, reduction
from firmware_export.networks.pack import (
    channels,
    depthwise_channels,
    is_fast_depthwise,
    is_turned,
    matrix,
    ring_words,
)

Places = tuple[str, ...]

_TAPS_BYTES = 148
"""What `depthwise_3x3.c` keeps of four channels while it runs through their rows."""


def kernel_scratch(network: ir.Network, step: ir.Step) -> int:
    """Bytes of scratch that the step's kernel needs while it runs."""
    if isinstance(step, ir.Convolution):
        depth = -(-int(step.weights[0].size) // 4) * 4
        columns = 4 if _pixels(network, step) >= 4 else 1
        lanes = 2 * depth * columns + (depth if _odd_rows(network, step) else 0)
        vectors = -(-depth // 32) * 32 * columns
        return max(lanes, vectors)
    if isinstance(step, ir.Depthwise):
        out = network.shape(step.output)
        if is_fast_depthwise(step, network.shape(step.inputs[0]), out):
            return 3 * 4 * 4 * ring_words(step, network.shape(step.inputs[0])[-3:], out[-3:]) + _TAPS_BYTES
    return 0


def call(code: Code, network: ir.Network, index: int, places: Places, to: str, scratch: str) -> list[str]:
    """The statements of step `index`.

    Parameters
    ----------
    code : Code
        Takes parameters, shapes and kernels.
    places : tuple of str
        Expressions for the inputs.
    to, scratch : str
        Expressions for the output, and for the kernel's own scratch.
    """
    step = network.steps[index]
    return _EMITTERS[type(step)](code, network, step, index, places, to, scratch)


def _pixels(network: ir.Network, step: ir.Convolution) -> int:
    return network.values[step.output].size // len(step.weights)


def _is_pointwise(network: ir.Network, step: ir.Convolution) -> bool:
    """Whether each output pixel stands on its own input pixel: 1x1 without strides, fully connected rows."""
    return step.window.kernel == (1, 1) and network.values[step.inputs[0]].size == _pixels(
        network, step
    ) * int(step.weights[0].size)


def _odd_rows(network: ir.Network, step: ir.Convolution) -> bool:
    return not _is_pointwise(network, step) and step.weights.shape[3] % 4 != 0


def _convolution(
    code: Code, network: ir.Network, step: ir.Convolution, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    packed = matrix(step, prove=not code.updatable)
    code.use("requantize", "lanes", "vectors", "widen", "dense")
    code.switch("SPLIT" if packed.split else "PLAIN")
    weights = code.array("int16_t", f"weights_{n}", packed.lanes)
    table = code.channels(f"channels_{n}", packed.channels)
    out = code.output(f"out_{n}", step.requantization)
    shape = f"{{{len(step.weights)}, {packed.words}, {int(packed.split)}}}"
    pixels, depth = _pixels(network, step), step.weights[0].size
    if pixels == 1 and _is_pointwise(network, step):
        code.use("fully_connected")
        member = code.shape("matrix", f"shape_{n}", [shape[1:-1]])
        buffers = f"{places[0]}, {depth}, {to}, {scratch}"
        return [f"{code.name}_fully_connected({member}, {weights}, {table}, {out}, {buffers});"]
    code.use("four_columns", "conv_2d")
    if _is_pointwise(network, step):
        numbers = [1, pixels, depth, 1, pixels, 0, 0, 1, 1, 0, 0, 1, 1]
    else:
        code.switch("WINDOWS")
        code.switch("ODD_ROWS", int(_odd_rows(network, step)))
        window = step.window
        height, width, _ = network.shape(step.inputs[0])[-3:]
        rows, columns = network.shape(step.output)[-3:-1]
        numbers = [height, width, step.weights.shape[3], rows, columns, *window.pad, *window.kernel]
        numbers += [*window.stride, *window.dilation]
    member = code.shape("conv_2d_layer", f"shape_{n}", [*numbers, shape])
    zero = code.number(f"zero_{n}", step.input_zero)
    return [
        f"{code.name}_conv_2d({member}, {weights}, {table}, {out}, {zero}, {places[0]}, {to}, {scratch});"
    ]


def _depthwise(
    code: Code, network: ir.Network, step: ir.Depthwise, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    shape, out_shape = network.shape(step.inputs[0])[-3:], network.shape(step.output)[-3:]
    window, count = step.window, step.weights.shape[2]
    fast = is_fast_depthwise(step, shape, out_shape)
    code.use("requantize", "lanes")
    if fast:
        code.use("vectors", "depthwise_3x3_layer", "depthwise_rows", "depthwise_3x3")
        code.switch("STRIDE_2", int(window.stride == (2, 2)))
        turned = is_turned(shape, out_shape)
        order = (1, 0) if turned else (0, 1)
        taps = np.zeros((count, 3, 4), np.int8)
        taps[:, :, :3] = step.weights.transpose(2, *order)
        numbers = [*(shape[k] for k in order), count, *(out_shape[k] for k in order)]
        numbers += [*(window.pad[k] for k in order), window.stride[0], ring_words(step, shape, out_shape)]
        for width in (shape[1], out_shape[1]):
            steps = (width * count, count)
            numbers += [steps[k] for k in order]
    else:
        code.use("depthwise_conv_2d")
        taps = step.weights
        numbers = [
            *shape,
            *out_shape[:2],
            step.multiplier,
            *window.pad,
            *window.kernel,
            *window.stride,
            *window.dilation,
        ]
    weights = code.array("int8_t", f"weights_{n}", taps)
    table = code.channels(f"channels_{n}", depthwise_channels(step, fold_zero=fast))
    out = code.output(f"out_{n}", step.requantization)
    zero = code.number(f"zero_{n}", step.input_zero)
    kind = "depthwise_3x3_layer" if fast else "depthwise_layer"
    member = code.shape(kind, f"shape_{n}", numbers)
    function = "depthwise_3x3" if fast else "depthwise_conv_2d"
    last = f", {scratch}" if fast else ""
    return [f"{code.name}_{function}({member}, {weights}, {table}, {out}, {zero}, {places[0]}, {to}{last});"]


def _pool(
    code: Code, network: ir.Network, step: ir.Pool, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    code.use("requantize", "pool_2d")
    window = step.window
    numbers: list[object] = [*network.shape(step.inputs[0])[-3:], *network.shape(step.output)[-3:-1]]
    numbers += [*window.pad, *window.kernel, *window.stride, int(step.maximum)]
    code.switch("CLAMP", int(code.updatable or step.low > -128 or step.high < 127))
    numbers.append(f"{{0, {step.low}, {step.high}}}")
    pool = code.struct("pool_2d_layer", f"pool_{n}", numbers, 36)
    return [f"{code.name}_pool_2d({pool}, {places[0]}, {to});"]


def _lookup(
    code: Code, network: ir.Network, step: ir.Lookup, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    code.use("requantize", "lookup")
    table = code.array("int8_t", f"table_{n}", step.table)
    return [f"{code.name}_lookup({table}, {places[0]}, {to}, {network.values[step.output].size});"]


def _broadcast(code: Code, network: ir.Network, step: ir.Step, order: tuple[int, int] = (0, 1)) -> str:
    code.use("requantize", "broadcast")
    shapes = [network.shape(step.inputs[k]) for k in order]
    return BroadcastGrid.of(shapes, network.shape(step.output)).initializer()


def _bounded(how: ir.Requantization, largest: int) -> Any:
    bound = np.array([largest], np.int64)
    return channels(np.zeros(1, np.int64), how, -bound, bound)


def _add(
    code: Code, network: ir.Network, step: ir.Add, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    # The kernel wants the input of the larger scale first: its multiplier is one half.
    first, second = (0, 1) if (step.multipliers[0], step.shifts[0]) == (1 << 30, 0) else (1, 0)
    grid = _broadcast(code, network, step, (first, second))
    code.use("vectors", "add")
    code.switch("SUBTRACT", int(step.sign < 0))
    signs = (1, step.sign)
    items = [
        grid,
        first,
        step.zeros[first],
        step.zeros[second],
        step.multipliers[second],
        -1 - step.shifts[second],
    ]
    items += [signs[first], signs[second]]
    items += [
        code.channel_value(_bounded(step.requantization, 1 << 29)),
        code.output_value(step.requantization),
    ]
    member = code.struct("add_layer", f"add_{n}", items, 92)
    return [f"{code.name}_add({member}, {places[0]}, {places[1]}, {to});"]


def _multiply(
    code: Code, network: ir.Network, step: ir.Multiply, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    grid = _broadcast(code, network, step)
    code.use("mul")
    last = [
        code.channel_value(_bounded(step.requantization, 1 << 16)),
        code.output_value(step.requantization),
    ]
    member = code.struct("mul_layer", f"mul_{n}", [grid, *step.zeros, *last], 72)
    return [f"{code.name}_mul({member}, {places[0]}, {places[1]}, {to});"]


def _extremum(
    code: Code, network: ir.Network, step: ir.Extremum, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    grid = _broadcast(code, network, step)
    code.use("extremum")
    member = code.shape("extremum_layer", f"shape_{n}", [grid, int(step.maximum)])
    return [f"{code.name}_extremum({member}, {places[0]}, {places[1]}, {to});"]


def _reduce(
    code: Code, network: ir.Network, step: ir.Reduce, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    code.use("requantize", "reduce")
    grid = reduction(network.shape(step.inputs[0]), step.axes)
    channel, out = "{0, 0, 0}", "{0, -128, 127}"
    if step.requantization is not None:
        count = network.values[step.inputs[0]].size // network.values[step.output].size
        bound = np.array([255 * count + abs(step.offset)], np.int64)
        table = channels(np.array([step.offset], np.int64), step.requantization, -bound, bound)
        channel, out = code.channel_value(table), code.output_value(step.requantization)
    items = [*grid, int(step.requantization is None), channel, out]
    return [
        f"{code.name}_reduce({code.struct('reduce_layer', f'reduce_{n}', items, 64)}, {places[0]}, {to});"
    ]


def _softmax(
    code: Code, network: ir.Network, step: ir.Softmax, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    code.use("requantize", "softmax")
    shape = network.shape(step.inputs[0])
    rows = network.values[step.inputs[0]].size // shape[-1]
    # Differences of int8 never reach further down.
    least = max(step.least_difference, -256)
    member = code.struct(
        "softmax_layer", f"softmax_{n}", [rows, shape[-1], step.multiplier, step.shift, least], 16
    )
    return [f"{code.name}_softmax({member}, {places[0]}, {to});"]


def _moves(
    code: Code, network: ir.Network, step: ir.Step, n: int, places: Places, to: str, scratch: str
) -> list[str]:
    lines = []
    if isinstance(step, ir.Place) and step.fill is not None:
        fill = code.number(f"fill_{n}", step.fill)
        lines.append(f"memset({to}, (int){fill}, {network.values[step.output].size});")
    moves = copies(network, step)
    if moves is None:
        assert isinstance(step, ir.Gather)
        return _resize(code, network, step, n, places, to)
    code.use("requantize", "copy")
    for k, (source, from_at, to_at, grid) in enumerate(moves):
        member = code.shape("copy_layer", f"shape_{n}_{k}", grid)
        lines.append(f"{code.name}_copy({member}, {places[source]} + {from_at}, {to} + {to_at});")
    return lines


def _resize(code: Code, network: ir.Network, step: ir.Gather, n: int, places: Places, to: str) -> list[str]:
    code.use("requantize", "resize_nearest_neighbor")
    width, depth = network.shape(step.inputs[0])[-2:]
    rows, columns = (
        code.positions(f"shape_{n}_{what}", step.indices[k]) for k, what in ((1, "rows"), (2, "columns"))
    )
    sizes = f"{len(step.indices[1])}, {len(step.indices[2])}, {width}, {depth}"
    return [f"{code.name}_resize_nearest_neighbor({rows}, {columns}, {sizes}, {places[0]}, {to});"]


_EMITTERS: dict[type[ir.Step], Callable[..., list[str]]] = {
    ir.Add: _add,
    ir.Convolution: _convolution,
    ir.Depthwise: _depthwise,
    ir.Extremum: _extremum,
    ir.Gather: _moves,
    ir.Lookup: _lookup,
    ir.Multiply: _multiply,
    ir.Place: _moves,
    ir.Pool: _pool,
    ir.Reduce: _reduce,
    ir.Softmax: _softmax,
}
