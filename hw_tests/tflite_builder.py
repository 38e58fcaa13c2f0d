"""Builds .tflite files from the published schema, without TensorFlow."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt

OPTIONS = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "SOFTMAX": "SoftmaxOptions",
    "CONCATENATION": "ConcatenationOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "MEAN": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "SQUEEZE": "SqueezeOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "HARD_SWISH": "HardSwishOptions",
    "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "TRANSPOSE": "TransposeOptions",
    "PACK": "PackOptions",
    "SHAPE": "ShapeOptions",
    "ARG_MAX": "ArgMaxOptions",
}
TYPES = {np.dtype(np.int8): "INT8", np.dtype(np.int32): "INT32", np.dtype(np.float32): "FLOAT32"}


def schema(module: str) -> Any:
    """A module of the published schema package."""
    return importlib.import_module(f"tflite.{module}")


@dataclass
class Tensor:
    """A tensor to write; a constant has data."""

    shape: tuple[int, ...]
    type: str
    scale: Sequence[float]
    zero_point: Sequence[int]
    axis: int
    data: bytes | None


class ModelBuilder:
    """Collects tensors and operators; `finish` gives the file."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.operators: list[tuple[str, Sequence[int], Sequence[int], dict[str, Any], int]] = []

    def activation(
        self, shape: Sequence[int], scale: float | None, zero_point: int = 0, type_: str = "INT8"
    ) -> int:
        """Add a tensor that is computed; gives its index."""
        scales = [] if scale is None else [scale]
        self.tensors.append(Tensor(tuple(shape), type_, scales, [zero_point] * len(scales), 0, None))
        return len(self.tensors) - 1

    def constant(
        self,
        values: npt.NDArray[Any],
        scale: Sequence[float] = (),
        zero_point: Sequence[int] | None = None,
        axis: int = 0,
    ) -> int:
        """Add a constant, quantized where it has scales; gives its index."""
        zeros = [0] * len(scale) if zero_point is None else zero_point
        self.tensors.append(
            Tensor(values.shape, TYPES[values.dtype], list(scale), zeros, axis, values.tobytes())
        )
        return len(self.tensors) - 1

    def operator(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], version: int = 1, **options: Any
    ) -> None:
        """Add an operator; options are named as in the schema."""
        self.operators.append((kind, inputs, outputs, options, version))

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file."""
        b = flatbuffers.Builder(1024)
        contents = [b""] + [t.data for t in self.tensors if t.data is not None]
        buffers = []
        for content in contents:
            if content:
                b.StartVector(1, len(content), 16)
                b.head = b.head - len(content)
                b.Bytes[b.head : b.head + len(content)] = content
                data = b.EndVector()
            m = schema("Buffer")
            m.BufferStart(b)
            if content:
                m.BufferAddData(b, data)
            buffers.append(m.BufferEnd(b))
        buffer_number, tensors = 1, []
        for index, t in enumerate(self.tensors):
            number = 0
            if t.data is not None:
                number, buffer_number = buffer_number, buffer_number + 1
            tensors.append(self._tensor(b, index, t, number))
        kinds = sorted({(kind, version) for kind, _, _, _, version in self.operators})
        operators = [self._operator(b, kinds, *rest) for rest in self.operators]
        m = schema("SubGraph")
        parts = [_offsets(b, tensors), _ints(b, inputs), _ints(b, outputs), _offsets(b, operators)]
        m.SubGraphStart(b)
        m.SubGraphAddTensors(b, parts[0])
        m.SubGraphAddInputs(b, parts[1])
        m.SubGraphAddOutputs(b, parts[2])
        m.SubGraphAddOperators(b, parts[3])
        subgraph = m.SubGraphEnd(b)
        codes = []
        for kind, version in kinds:
            number = getattr(schema("BuiltinOperator").BuiltinOperator, kind)
            m = schema("OperatorCode")
            m.OperatorCodeStart(b)
            m.OperatorCodeAddDeprecatedBuiltinCode(b, min(number, 127))
            m.OperatorCodeAddVersion(b, version)
            m.OperatorCodeAddBuiltinCode(b, number)
            codes.append(m.OperatorCodeEnd(b))
        lists = [_offsets(b, codes), _offsets(b, [subgraph]), _offsets(b, buffers)]
        m = schema("Model")
        m.ModelStart(b)
        m.ModelAddVersion(b, 3)
        m.ModelAddOperatorCodes(b, lists[0])
        m.ModelAddSubgraphs(b, lists[1])
        m.ModelAddBuffers(b, lists[2])
        b.Finish(m.ModelEnd(b), b"TFL3")
        return bytes(b.Output())

    def _tensor(self, b: Any, index: int, t: Tensor, number: int) -> int:
        name = b.CreateString(f"tensor_{index}")
        shape = _ints(b, t.shape)
        quantization = 0
        if t.scale:
            b.StartVector(4, len(t.scale), 4)
            for value in reversed(t.scale):
                b.PrependFloat32(float(value))
            scale = b.EndVector()
            b.StartVector(8, len(t.zero_point), 8)
            for value in reversed(t.zero_point):
                b.PrependInt64(int(value))
            zero = b.EndVector()
            m = schema("QuantizationParameters")
            m.QuantizationParametersStart(b)
            m.QuantizationParametersAddScale(b, scale)
            m.QuantizationParametersAddZeroPoint(b, zero)
            m.QuantizationParametersAddQuantizedDimension(b, t.axis)
            quantization = m.QuantizationParametersEnd(b)
        m = schema("Tensor")
        m.TensorStart(b)
        m.TensorAddShape(b, shape)
        m.TensorAddType(b, getattr(schema("TensorType").TensorType, t.type))
        m.TensorAddBuffer(b, number)
        m.TensorAddName(b, name)
        if quantization:
            m.TensorAddQuantization(b, quantization)
        return int(m.TensorEnd(b))

    def _operator(
        self,
        b: Any,
        kinds: list[tuple[str, int]],
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: dict[str, Any],
        version: int,
    ) -> int:
        table = 0
        if kind in OPTIONS:
            name = OPTIONS[kind]
            m = schema(name)
            vectors = {k: _ints(b, v) for k, v in options.items() if isinstance(v, (list, tuple))}
            getattr(m, f"{name}Start")(b)
            for key, value in options.items():
                getattr(m, f"{name}Add{key}")(b, vectors.get(key, value))
            table = getattr(m, f"{name}End")(b)
        lists = [_ints(b, inputs), _ints(b, outputs)]
        m = schema("Operator")
        m.OperatorStart(b)
        m.OperatorAddOpcodeIndex(b, kinds.index((kind, version)))
        m.OperatorAddInputs(b, lists[0])
        m.OperatorAddOutputs(b, lists[1])
        if kind in OPTIONS:
            m.OperatorAddBuiltinOptionsType(
                b, getattr(schema("BuiltinOptions").BuiltinOptions, OPTIONS[kind])
            )
            m.OperatorAddBuiltinOptions(b, table)
        return int(m.OperatorEnd(b))


def _ints(b: Any, values: Sequence[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependInt32(int(value))
    return int(b.EndVector())


def _offsets(b: Any, values: Sequence[int]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())
