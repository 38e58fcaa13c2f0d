"""Random graphs of the supported operators, made by hypothesis: odd sizes, extreme scales and zero points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hw_tests.tflite_builder import ModelBuilder

_SAME = 0


class _Graph:
    """A graph in the making; `at` is the tensor where it stands, of `shape`, `scale`, `zero`."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(self.pick(0, 2**31))
        self.builder = ModelBuilder()
        if self.pick(0, 3):
            self.shape: tuple[int, ...] = (1, self.pick(1, 11), self.pick(1, 9), self.pick(1, 10))
        else:
            self.shape = (1, self.pick(1, 70))
        self.scale, self.zero = self.some_scale(), self.pick(-128, 127)
        self.at = self.first = self.builder.activation(self.shape, self.scale, self.zero)
        self.earlier: list[tuple[int, tuple[int, ...], float, int]] = []

    def pick(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def some_scale(self) -> float:
        low, high = (-9, 2) if self.pick(0, 5) else (-18, 8)
        return float(np.float32(2.0 ** self.draw(st.floats(low, high))))

    def activation(self) -> int:
        return (0, 0, 1, 3, 2)[self.pick(0, 4)]

    def step(
        self, shape: tuple[int, ...], scale: float | None = None, zero: int | None = None
    ) -> tuple[int, int]:
        """Move on to a new tensor: (the old one, the new one)."""
        old = self.at
        self.earlier.append((self.at, self.shape, self.scale, self.zero))
        self.shape = shape
        self.scale = self.scale if scale is None else scale
        self.zero = self.zero if zero is None else zero
        self.at = self.builder.activation(shape, self.scale, self.zero)
        return old, self.at

    def weights(self, *shape: int) -> Any:
        kind = self.pick(0, 5)
        if kind == 0:
            return self.rng.integers(-128, 128, shape).astype(np.int8)
        values = np.clip(np.rint(self.rng.normal(0, 30, shape)), -127, 127).astype(np.int8)
        if kind == 1:
            values[self.rng.random(shape) < 0.7] = 0
        return values

    def output(self, fan_in: int, count: int) -> tuple[list[float], float, int]:
        """Weight scales, and scale and zero point of the output, so that sums use the range or exceed it."""
        scale = self.some_scale()
        most = 2 if self.pick(0, 5) else 9
        spread = 2.0 ** self.draw(st.floats(-most, most))
        middle = spread * scale / (self.scale * 40 * np.sqrt(fan_in))
        return (
            [float(np.float32(s)) for s in middle * self.rng.uniform(0.5, 1.5, count)],
            scale,
            self.pick(-128, 127),
        )

    def biases(self, count: int, fan_in: int) -> Any:
        size = 100_000_000 if self.pick(0, 7) == 0 else int(4000 * np.sqrt(fan_in))
        values = self.rng.integers(-size, size, count).astype(np.int32)
        if self.pick(0, 3) == 0:
            values[::2] = -(1 << 24)  # saturated: dead channels
        return values


def _window(g: _Graph, size: int) -> tuple[int, int, int, bool, int]:
    """Kernel, stride, dilation, SAME, output size along one axis of `size`."""
    kernel, stride = g.pick(1, min(4, size)), g.pick(1, 3)
    dilation = g.pick(1, 2) if stride == 1 and (kernel - 1) * 2 + 1 <= size else 1
    return kernel, stride, dilation, False, (size - (kernel - 1) * dilation - 1) // stride + 1


def _both(g: _Graph) -> tuple[dict[str, int], tuple[int, int], tuple[int, int]]:
    rows, columns = _window(g, g.shape[1]), _window(g, g.shape[2])
    if rows[2] != columns[2]:
        rows, columns = (*rows[:2], 1, False, (g.shape[1] - rows[0]) // rows[1] + 1), (
            *columns[:2], 1, False, (g.shape[2] - columns[0]) // columns[1] + 1)  # fmt: skip
    same = bool(g.pick(0, 1))
    out = (-(-g.shape[1] // rows[1]), -(-g.shape[2] // columns[1])) if same else (rows[4], columns[4])
    options = {"Padding": _SAME if same else 1, "StrideH": rows[1], "StrideW": columns[1]}
    options |= {"DilationHFactor": rows[2], "DilationWFactor": columns[2]}
    return options, (rows[0], columns[0]), out


def _conv(g: _Graph) -> None:
    options, kernel, out = _both(g)
    units, depth = g.pick(1, 12), g.shape[3]
    fan_in = kernel[0] * kernel[1] * depth
    scales, scale, zero = g.output(fan_in, units if g.pick(0, 1) else 1)
    weights = g.builder.constant(g.weights(units, *kernel, depth), scales, axis=0)
    inputs = [g.at, weights, g.builder.constant(g.biases(units, fan_in), [g.scale * s for s in scales])]
    old, new = g.step((1, *out, units), scale, zero)
    g.builder.operator(
        "CONV_2D", [old, *inputs[1:]], [new], 3, FusedActivationFunction=g.activation(), **options
    )


def _depthwise(g: _Graph) -> None:
    options, kernel, out = _both(g)
    multiplier = g.pick(1, 2) if g.shape[3] < 6 else 1
    if g.pick(0, 1) and min(g.shape[1:3]) >= 3:
        stride = g.pick(1, 2)
        kernel, out = (3, 3), (-(-g.shape[1] // stride), -(-g.shape[2] // stride))
        options = {"Padding": _SAME, "StrideH": stride, "StrideW": stride}
    if options["StrideH"] != options["StrideW"]:
        # The runtimes take one stride for both axes here.
        options["StrideH"] = options["StrideW"] = 1
        same = options["Padding"] == _SAME
        gap = [(kernel[k] - 1) * options[f"Dilation{'HW'[k]}Factor"] for k in (0, 1)]
        out = (g.shape[1], g.shape[2]) if same else (g.shape[1] - gap[0], g.shape[2] - gap[1])
    units = g.shape[3] * multiplier
    scales, scale, zero = g.output(kernel[0] * kernel[1], units if g.pick(0, 1) else 1)
    weights = g.builder.constant(g.weights(1, *kernel, units), scales, axis=3)
    bias = g.builder.constant(g.biases(units, kernel[0] * kernel[1]), [g.scale * s for s in scales])
    old, new = g.step((1, *out, units), scale, zero)
    g.builder.operator(
        "DEPTHWISE_CONV_2D", [old, weights, bias], [new], 3, DepthMultiplier=multiplier,
        FusedActivationFunction=g.activation(), **options,
    )  # fmt: skip


def _dense(g: _Graph) -> None:
    depth = int(np.prod(g.shape))
    if depth > 400:
        return
    if len(g.shape) != 2:
        _reshape(g)
    units = g.pick(1, 20)
    scales, scale, zero = g.output(depth, 1)
    inputs = [g.builder.constant(g.weights(units, depth), scales)]
    if g.pick(0, 4):
        inputs.append(g.builder.constant(g.biases(units, depth), [g.scale * scales[0]]))
    else:
        inputs.append(-1)
    old, new = g.step((1, units), scale, zero)
    g.builder.operator("FULLY_CONNECTED", [old, *inputs], [new], FusedActivationFunction=g.activation())


def _reshape(g: _Graph) -> None:
    shape = (1, int(np.prod(g.shape)))
    constant = g.builder.constant(np.array(shape, np.int32))
    old, new = g.step(shape)
    g.builder.operator("RESHAPE", [old, constant], [new])


def _pool(g: _Graph) -> None:
    options, kernel, out = _both(g)
    if options["DilationHFactor"] != 1:
        return
    options = {k: v for k, v in options.items() if not k.startswith("Dilation")}
    old, new = g.step((1, *out, g.shape[3]))
    kind = ("MAX_POOL_2D", "AVERAGE_POOL_2D")[g.pick(0, 1)]
    g.builder.operator(
        kind, [old], [new], 2, FilterHeight=kernel[0], FilterWidth=kernel[1],
        FusedActivationFunction=g.activation(), **options,
    )  # fmt: skip


def _unary(g: _Graph) -> None:
    kind = ("LOGISTIC", "TANH", "RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "QUANTIZE")[g.pick(0, 6)]
    fixed = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}
    options: dict[str, Any] = {"Alpha": 0.2} if kind == "LEAKY_RELU" else {}
    ratio = 2.0 ** g.draw(st.floats(0, 2))
    scale, zero = fixed.get(kind, (float(np.float32(g.scale * ratio)), g.pick(-128, 127)))
    if kind == "RELU6":
        scale, zero = g.scale, g.zero
    old, new = g.step(g.shape, scale, zero)
    g.builder.operator(kind, [old], [new], **options)


def _binary(g: _Graph) -> None:
    kind = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")[g.pick(0, 4)]
    like = [t for t in g.earlier if t[1] == g.shape]
    alike = kind in ("MAXIMUM", "MINIMUM")
    if like and g.pick(0, 1) and not alike:
        other, _, other_scale, _ = like[g.pick(0, len(like) - 1)]
    else:
        shape = (g.shape, g.shape[-1:], (1,))[g.pick(0, 2)]
        other_scale, zero = (
            (g.scale, g.zero) if alike else (g.scale * 2.0 ** g.pick(-2, 2), g.pick(-128, 127))
        )
        other = g.builder.constant(g.weights(*shape), [other_scale], [zero])
    scale = g.scale * other_scale * 40 if kind == "MUL" else 1.7 * max(g.scale, other_scale)
    place = (g.scale, g.zero) if alike else (float(np.float32(scale)), g.pick(-128, 127))
    old, new = g.step(g.shape, *place)
    options = {} if alike else {"FusedActivationFunction": g.activation()}
    pair = [other, old] if g.pick(0, 1) else [old, other]
    g.builder.operator(kind, pair, [new], 1 if alike else 2, **options)


def _pad(g: _Graph) -> None:
    widths = np.array([[0, 0], *([g.pick(0, 2), g.pick(0, 2)] for _ in g.shape[1:])], np.int32)
    inputs = [g.builder.constant(widths)]
    if g.pick(0, 1):
        inputs.append(g.builder.constant(np.array([g.pick(-128, 127)], np.int8), [g.scale], [g.zero]))
    old, new = g.step(tuple(int(n + w.sum()) for n, w in zip(g.shape, widths, strict=True)))
    g.builder.operator(("PAD", "PADV2")[len(inputs) - 1], [old, *inputs], [new])


def _axis_in_and_out(g: _Graph) -> None:
    shape = g.shape
    place = g.builder.constant(np.array(1, np.int32))
    old, new = g.step((1, 1, *shape[1:]))
    g.builder.operator("EXPAND_DIMS", [old, place], [new])
    old, new = g.step(shape)
    g.builder.operator("SQUEEZE", [old], [new], SqueezeDims=[1])


def _transpose(g: _Graph) -> None:
    axes = [0, *(1 + g.rng.permutation(len(g.shape) - 1))]
    constant = g.builder.constant(np.array(axes, np.int32))
    old, new = g.step(tuple(g.shape[axis] for axis in axes))
    g.builder.operator("TRANSPOSE", [old, constant], [new])


def _concatenation(g: _Graph) -> None:
    like = [t[0] for t in g.earlier if t[1:] == (g.shape, g.scale, g.zero)]
    axis = g.pick(1, len(g.shape) - 1)
    other = like[0] if like else g.at
    shape = tuple(2 * n if k == axis else n for k, n in enumerate(g.shape))
    old, new = g.step(shape)
    g.builder.operator("CONCATENATION", [old, other], [new], 2, Axis=axis)


def _slice(g: _Graph) -> None:
    begin = [g.pick(0, n - 1) for n in g.shape]
    strides = [g.pick(1, 2) for _ in g.shape]
    shape = tuple(-(-(n - b) // s) for n, b, s in zip(g.shape, begin, strides, strict=True))
    constants = [g.builder.constant(np.array(v, np.int32)) for v in (begin, g.shape, strides)]
    old, new = g.step(shape)
    g.builder.operator("STRIDED_SLICE", [old, *constants], [new])


def _resize(g: _Graph) -> None:
    size = (g.pick(1, 12), g.pick(1, 12))
    constant = g.builder.constant(np.array(size, np.int32))
    how = g.pick(0, 2)
    old, new = g.step((1, *size, g.shape[3]))
    g.builder.operator(
        "RESIZE_NEAREST_NEIGHBOR", [old, constant], [new], 3, AlignCorners=how == 1, HalfPixelCenters=how == 2
    )


def _reduce(g: _Graph) -> None:
    kind = ("MEAN", "REDUCE_MAX")[g.pick(0, 1)]
    axes = ((1, 2), (1,), (2, 3), (1, 2, 3))[g.pick(0, 3)]
    constant = g.builder.constant(np.array(axes, np.int32))
    place = (
        (float(np.float32(g.scale * 2.0 ** g.pick(-2, 1))), g.pick(-128, 127))
        if kind == "MEAN"
        else (None, None)
    )
    shape = tuple(1 if k in axes else n for k, n in enumerate(g.shape))
    old, new = g.step(shape, *place)
    g.builder.operator(kind, [old, constant], [new], 2, KeepDims=True)


def _softmax(g: _Graph) -> None:
    if g.shape[-1] > 200:
        return
    old, new = g.step(g.shape, 1 / 256, -128)
    g.builder.operator("SOFTMAX", [old], [new], Beta=float(2.0 ** g.pick(-1, 1)))


_PICTURES = (_conv, _conv, _conv, _depthwise, _depthwise, _pool, _resize, _reduce)
_ANY = (
    _unary,
    _binary,
    _binary,
    _pad,
    _transpose,
    _concatenation,
    _slice,
    _dense,
    _softmax,
    _reshape,
    _axis_in_and_out,
)


@st.composite
def models(draw: Callable[..., Any]) -> bytes:
    """A .tflite file of one to seven random operators."""
    g = _Graph(draw)
    wanted = g.pick(1, 7)
    for _ in range(wanted):
        choices = _PICTURES * 2 + _ANY if len(g.shape) == 4 else _ANY
        choices[g.pick(0, len(choices) - 1)](g)
        if np.prod(g.shape) > 6000:
            break
    if g.at == g.first:
        _unary(g)
    return g.builder.finish([g.first], [g.at])
