"""A model of each operator, in its usual and its awkward forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hw_tests.tflite_builder import ModelBuilder

Quantized = tuple[Sequence[int], float, int]
"""Shape, scale, zero point."""

_RNG = np.random.default_rng(0)


def _int8(*shape: int) -> Any:
    return _RNG.integers(-127, 128, shape).astype(np.int8)


def _int32(count: int) -> Any:
    return _RNG.integers(-1000, 1000, count).astype(np.int32)


def _positions(*values: int) -> tuple[Any]:
    return (np.array(values, np.int32),)


def one(
    kind: str,
    given: Quantized,
    result: Quantized,
    *constants: tuple[Any, ...],
    version: int = 1,
    **options: Any,
) -> bytes:
    """A model of one operator; constants are the arguments of `ModelBuilder.constant`."""
    builder = ModelBuilder()
    source = builder.activation(*given)
    others = [builder.constant(*arguments) for arguments in constants]
    target = builder.activation(*result)
    builder.operator(kind, [source, *others], [target], version, **options)
    return builder.finish([source], [target])


def _through_float() -> bytes:
    """int8 to float and on to int8 of another scale."""
    builder = ModelBuilder()
    x, y = builder.activation((1, 300), 0.05, 3), builder.activation((1, 300), 0.07, -9)
    real = builder.activation((1, 300), None, type_="FLOAT32")
    builder.operator("DEQUANTIZE", [x], [real], 2)
    builder.operator("QUANTIZE", [real], [y])
    return builder.finish([x], [y])


def _scales(count: int) -> list[float]:
    return list(0.001 + _RNG.random(count) * 0.01)


def _convolutions() -> Iterator[tuple[str, bytes]]:
    x, q = 0.05, 3
    same = {"StrideW": 1, "StrideH": 1, "Padding": 0}
    for depth, units, size in ((3, 8, 3), (4, 7, 3), (8, 6, 1), (5, 9, 1), (1, 64, 4), (16, 4, 2)):
        weights = [
            (_int8(units, size, size, depth), _scales(units), None, 0),
            (_int32(units), _scales(units)),
        ]
        yield (
            f"conv {depth}-{units} {size}x{size}",
            one(
                "CONV_2D", ((1, 7, 5, depth), x, q), ((1, 7, 5, units), 0.3, -5), *weights, version=3, **same
            ),
        )
    weights = [(_int8(8, 3, 3, 4), [0.01]), (_int32(8), [0.1])]
    yield "conv dilated", one(
        "CONV_2D", ((1, 9, 9, 4), x, q), ((1, 5, 5, 8), 0.3, -5), *weights, StrideW=1, StrideH=1, Padding=1,
        DilationWFactor=2, DilationHFactor=2, FusedActivationFunction=3,
    )  # fmt: skip
    yield "conv strided relu", one(
        "CONV_2D", ((1, 9, 8, 4), x, q), ((1, 5, 3, 8), 0.3, -5), *weights, StrideW=3, StrideH=2, Padding=0,
        FusedActivationFunction=1,
    )  # fmt: skip
    yield "conv of as many numbers as its input has", one(
        "CONV_2D", ((1, 2, 8, 6), x, q), ((1, 1, 4, 4), 0.3, -5), (_int8(4, 2, 2, 6), _scales(4), None, 0),
        (_int32(4), _scales(4)), version=3, StrideW=2, StrideH=3, Padding=1,
    )  # fmt: skip
    extreme = np.full((4, 3, 3, 4), -128, np.int8)
    huge = (np.array([2**30 + 5, -(2**30) - 7, 2**20, 0], np.int32), [0.1])
    yield (
        "conv of -128 with huge biases",
        one(
            "CONV_2D",
            ((1, 5, 5, 4), 0.9, -128),
            ((1, 5, 5, 4), 0.02, 100),
            (extreme, [0.5]),
            huge,
            version=3,
            **same,
        ),
    )
    for depth, multiplier, stride in ((4, 1, 1), (8, 1, 2), (3, 1, 1), (3, 2, 2), (4, 3, 1)):
        units = depth * multiplier
        shape = (1, -(-9 // stride), -(-6 // stride), units)
        weights = [(_int8(1, 3, 3, units), _scales(units), None, 3), (_int32(units), _scales(units))]
        yield f"depthwise {depth}x{multiplier} by {stride}", one(
            "DEPTHWISE_CONV_2D", ((1, 9, 6, depth), x, q), (shape, 0.03, -5), *weights, version=3,
            StrideW=stride, StrideH=stride, Padding=0, DepthMultiplier=multiplier, FusedActivationFunction=1,
        )  # fmt: skip
    weights = [(_int8(1, 3, 3, 8), _scales(8), None, 3), (_int32(8), _scales(8))]
    for stride in (1, 2):
        shape = (1, (7 - 3) // stride + 1, (10 - 3) // stride + 1, 8)
        yield f"depthwise valid by {stride}", one(
            "DEPTHWISE_CONV_2D", ((1, 7, 10, 8), x, q), (shape, 0.03, -5), *weights, version=3,
            StrideW=stride, StrideH=stride, Padding=1, DepthMultiplier=1,
        )  # fmt: skip
    for rows, depth, units in ((1, 33, 20), (3, 33, 5), (1, 4, 1), (1, 640, 7)):
        weights = [(_int8(units, depth), [0.004]), (_int32(units), [0.0002])]
        yield (
            f"fully connected {rows}x{depth}-{units}",
            one("FULLY_CONNECTED", ((rows, depth), x, q), ((rows, units), 0.3, -5), *weights),
        )
    yield "fully connected per channel", one(
        "FULLY_CONNECTED", ((1, 33), x, q), ((1, 6), 0.3, -5), (_int8(6, 33), _scales(6), None, 0),
        (_int32(6), _scales(6)),
    )  # fmt: skip
    yield (
        "fully connected, multiplier above 1",
        one(
            "FULLY_CONNECTED",
            ((1, 9), 0.9, 3),
            ((1, 5), 0.01, -5),
            (_int8(5, 9), [0.05]),
            (_int32(5), [0.045]),
        ),
    )


def _others() -> Iterator[tuple[str, bytes]]:
    x, q = 0.05, 3
    pool = {"StrideW": 2, "StrideH": 2, "Padding": 0, "FilterWidth": 3, "FilterHeight": 2}
    for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        yield kind, one(kind, ((1, 7, 9, 3), x, q), ((1, 4, 5, 3), x, q), **pool)
        yield (
            f"{kind} relu",
            one(kind, ((1, 7, 9, 3), x, q), ((1, 4, 5, 3), x, q), FusedActivationFunction=1, **pool),
        )
    yield "softmax", one("SOFTMAX", ((1, 10), 0.1, 3), ((1, 10), 1 / 256, -128), Beta=1.0)
    yield "softmax rows", one("SOFTMAX", ((5, 4), 0.7, 3), ((5, 4), 1 / 256, -128), Beta=0.5)
    yield "softmax tiny scale", one("SOFTMAX", ((1, 100), 0.0004, 3), ((1, 100), 1 / 256, -128), Beta=1.0)
    results = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0), "RELU": (0.07, -100), "RELU6": (x, q)}
    results |= {"HARD_SWISH": (0.04, -10), "QUANTIZE": (0.9, 5)}
    for kind, (scale, zero) in results.items():
        for given in ((x, q), (0.31, -40)):
            result = given if kind == "RELU6" else (scale, zero)
            yield f"{kind} {given[0]}", one(kind, ((1, 300), *given), ((1, 300), *result))
    yield "LEAKY_RELU", one("LEAKY_RELU", ((1, 300), x, q), ((1, 300), 0.03, 7), Alpha=0.3)
    for keep in (False, True):
        kept: tuple[int, ...] = (1, 1, 1, 6) if keep else (1, 6)
        for scale, zero in ((0.03, 7), (x, q)):
            yield (
                f"MEAN {keep} {scale}",
                one("MEAN", ((1, 5, 7, 6), x, q), (kept, scale, zero), _positions(1, 2), KeepDims=keep),
            )
        yield (
            f"REDUCE_MAX {keep}",
            one("REDUCE_MAX", ((1, 5, 7, 6), x, q), (kept, x, q), _positions(1, 2), KeepDims=keep),
        )
    yield (
        "MEAN of channels",
        one("MEAN", ((1, 5, 7, 6), x, q), ((1, 5, 7), 0.03, 7), _positions(-1), KeepDims=False),
    )
    for kind in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"):
        scale, zero = (x, q) if kind.startswith("M") and kind != "MUL" else (0.07, -9)
        shapes: tuple[tuple[int, ...], ...] = ((1, 4, 5, 6), (6,), (1, 4, 1, 6), (1,))
        for shape in shapes:
            for other in (scale, 0.02 if scale != x else scale):
                yield (
                    f"{kind} {shape} {other}",
                    one(
                        kind,
                        ((1, 4, 5, 6), x, q),
                        ((1, 4, 5, 6), scale, zero),
                        (_int8(*shape), [other], [zero]),
                        version=2,
                    ),
                )
    paddings = (np.array([[0, 0], [1, 2], [0, 0], [0, 1]], np.int32),)
    yield "PAD", one("PAD", ((1, 4, 5, 6), x, q), ((1, 7, 5, 7), x, q), paddings)
    value = (np.array([7], np.int8), [x], [q])
    yield "PADV2", one("PADV2", ((1, 4, 5, 6), x, q), ((1, 7, 5, 7), x, q), paddings, value)
    yield "TRANSPOSE", one("TRANSPOSE", ((1, 4, 5, 6), x, q), ((1, 6, 4, 5), x, q), _positions(0, 3, 1, 2))
    slice_ = [_positions(0, 1, 4, 0), _positions(1, 3, -6, 6), _positions(1, 1, -2, 1)]
    yield "STRIDED_SLICE", one("STRIDED_SLICE", ((1, 4, 5, 6), x, q), ((1, 2, 3, 6), x, q), *slice_)
    slice_ = [_positions(0, 1, 2, 0), _positions(1, 3, 3, 6), _positions(1, 1, 1, 1)]
    yield (
        "STRIDED_SLICE shrunk",
        one(
            "STRIDED_SLICE",
            ((1, 4, 5, 6), x, q),
            ((4, 6), x, q),
            *slice_,
            ShrinkAxisMask=5,
            BeginMask=2,
            EndMask=2,
        ),
    )
    for align, half in ((False, False), (True, False), (False, True)):
        for height, width in ((7, 13), (8, 10)):
            yield f"RESIZE {align} {half} {height}x{width}", one(
                "RESIZE_NEAREST_NEIGHBOR", ((1, 4, 5, 6), x, q), ((1, height, width, 6), x, q),
                _positions(height, width), version=3, AlignCorners=align, HalfPixelCenters=half,
            )  # fmt: skip
    yield "SQUEEZE", one("SQUEEZE", ((1, 4, 1, 6), x, q), ((4, 6), x, q), SqueezeDims=[0, 2])
    yield "EXPAND_DIMS", one("EXPAND_DIMS", ((1, 4, 6), x, q), ((1, 4, 1, 6), x, q), _positions(2))
    for axis, shape in ((3, (1, 4, 5, 2)), (-2, (1, 4, 1, 6)), (1, (1, 3, 5, 6))):
        joined = tuple(
            a + b if k == axis % 4 else a for k, (a, b) in enumerate(zip((1, 4, 5, 6), shape, strict=True))
        )
        yield (
            f"CONCATENATION {axis}",
            one(
                "CONCATENATION",
                ((1, 4, 5, 6), x, q),
                (joined, x, q),
                (_int8(*shape), [x], [q]),
                version=2,
                Axis=axis,
            ),
        )
    yield "DEQUANTIZE and QUANTIZE", _through_float()
    yield "RESHAPE", one("RESHAPE", ((1, 4, 6), x, q), ((1, 24), x, q), _positions(1, 24))


def models() -> dict[str, bytes]:
    """Every model by its name."""
    return dict(_convolutions()) | dict(_others())
