"""A .tflite file as plain data: tensors and nodes, read through the published schema package.

Nothing is interpreted here; the file is verified first (`verify_flatbuffer`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_export.errors import UnreadableModel, UnsupportedModel
from firmware_export.networks.verify_flatbuffer import (
    STRING,
    Choice,
    Fields,
    Scalar,
    Table,
    Tables,
    Vector,
    verify,
)

MAX_TENSOR_BYTES = 16 * 1024 * 1024
"""No microcontroller holds more; keeps the exporter's own memory bounded."""

_BYTE, _INT, _LONG = Scalar(1), Scalar(4), Scalar(8)

# schema name of an operator -> (schema name of its options, fields by slot, their accessors)
_OPTIONS: Mapping[str, tuple[str, Fields, tuple[str, ...]]] = {
    "ADD": ("AddOptions", {0: _BYTE}, ("FusedActivationFunction",)),
    "AVERAGE_POOL_2D": (
        "Pool2DOptions",
        {0: _BYTE, 1: _INT, 2: _INT, 3: _INT, 4: _INT, 5: _BYTE},
        ("Padding", "StrideW", "StrideH", "FilterWidth", "FilterHeight", "FusedActivationFunction"),
    ),
    "CONCATENATION": ("ConcatenationOptions", {0: _INT, 1: _BYTE}, ("Axis", "FusedActivationFunction")),
    "CONV_2D": (
        "Conv2DOptions",
        {0: _BYTE, 1: _INT, 2: _INT, 3: _BYTE, 4: _INT, 5: _INT},
        ("Padding", "StrideW", "StrideH", "FusedActivationFunction", "DilationWFactor", "DilationHFactor"),
    ),
    "DEPTHWISE_CONV_2D": (
        "DepthwiseConv2DOptions",
        {0: _BYTE, 1: _INT, 2: _INT, 3: _INT, 4: _BYTE, 5: _INT, 6: _INT},
        (
            "Padding",
            "StrideW",
            "StrideH",
            "DepthMultiplier",
            "FusedActivationFunction",
            "DilationWFactor",
            "DilationHFactor",
        ),
    ),
    "FULLY_CONNECTED": (
        "FullyConnectedOptions",
        {0: _BYTE, 1: _BYTE, 2: _BYTE, 3: _BYTE},
        ("FusedActivationFunction", "WeightsFormat", "KeepNumDims"),
    ),
    "LEAKY_RELU": ("LeakyReluOptions", {0: _INT}, ("Alpha",)),
    "MEAN": ("ReducerOptions", {0: _BYTE}, ("KeepDims",)),
    "MUL": ("MulOptions", {0: _BYTE}, ("FusedActivationFunction",)),
    "RESIZE_NEAREST_NEIGHBOR": (
        "ResizeNearestNeighborOptions",
        {0: _BYTE, 1: _BYTE},
        ("AlignCorners", "HalfPixelCenters"),
    ),
    "SOFTMAX": ("SoftmaxOptions", {0: _INT}, ("Beta",)),
    "STRIDED_SLICE": (
        "StridedSliceOptions",
        {0: _INT, 1: _INT, 2: _INT, 3: _INT, 4: _INT, 5: _BYTE},
        ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset"),
    ),
    "SUB": ("SubOptions", {0: _BYTE}, ("FusedActivationFunction",)),
}
_OPTIONS = {**_OPTIONS, "MAX_POOL_2D": _OPTIONS["AVERAGE_POOL_2D"], "REDUCE_MAX": _OPTIONS["MEAN"]}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file.

    Attributes
    ----------
    index : int
    name : str
    shape : tuple of int
    type : str
        As the schema names it: ``INT8``, ``FLOAT32``.
    scale, zero_point : arrays, shape (n,), float32 and int64
        n is 0 where the tensor is not quantized, 1 per tensor, else one per channel.
    axis : int
        The channel axis of per-channel quantization.
    data : bytes, optional
        A constant's content.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int64]
    axis: int
    data: bytes | None


@dataclass(frozen=True)
class Node:
    """An operator of the file; an absent optional input is -1."""

    index: int
    kind: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """The file's only subgraph."""

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_graph(data: bytes) -> Graph:
    """Parse a .tflite file.

    Parameters
    ----------
    data : bytes
        The file; not trusted.

    Raises
    ------
    UnreadableModel
        It is damaged or no .tflite file.
    UnsupportedModel
        It has several subgraphs, sparse tensors or tensors outside the buffer vector.
    """
    schema = _Schema()
    verify(data, b"TFL3", _root_fields(schema))
    model = schema.classes("Model").GetRootAs(data)
    if model.SubgraphsLength() != 1:
        raise UnsupportedModel(f"the model has {model.SubgraphsLength()} subgraphs; only one is supported")
    subgraph = model.Subgraphs(0)
    tensors = tuple(_tensor(schema, model, subgraph, i) for i in range(subgraph.TensorsLength()))
    nodes = tuple(_node(schema, model, subgraph, i) for i in range(subgraph.OperatorsLength()))
    graph = Graph(tensors, nodes, _indices(subgraph, "Inputs"), _indices(subgraph, "Outputs"))
    _check_references(graph)
    return graph


class _Schema:
    """Classes and names of the published schema package, imported on use."""

    def __init__(self) -> None:
        self.operator_names = self._names("BuiltinOperator")
        self.type_names = self._names("TensorType")

    def classes(self, name: str) -> Any:
        return getattr(importlib.import_module(f"tflite.{name}"), name)

    def _names(self, enum: str) -> dict[int, str]:
        members = vars(self.classes(enum))
        return {value: name for name, value in members.items() if isinstance(value, int)}


def _root_fields(schema: _Schema) -> Fields:
    kinds = vars(schema.classes("BuiltinOptions"))
    options = {kinds[name]: fields for name, fields, _ in _OPTIONS.values()}
    quantization: Fields = {2: Vector(4), 3: Vector(8), 6: _INT}
    tensor: Fields = {
        0: Vector(4),
        1: _BYTE,
        2: _INT,
        3: STRING,
        4: Table(quantization),
        5: _BYTE,
        6: Table({}),
    }
    operator: Fields = {0: _INT, 1: Vector(4), 2: Vector(4), 3: _BYTE, 4: Choice(3, options)}
    subgraph: Fields = {0: Tables(tensor), 1: Vector(4), 2: Vector(4), 3: Tables(operator)}
    code: Fields = {0: _BYTE, 1: STRING, 2: _INT, 3: _INT}
    buffer: Fields = {0: Vector(1), 1: _LONG, 2: _LONG}
    return {0: _INT, 1: Tables(code), 2: Tables(subgraph), 4: Tables(buffer)}


def _tensor(schema: _Schema, model: Any, subgraph: Any, index: int) -> Tensor:
    raw = subgraph.Tensors(index)
    name = (raw.Name() or b"").decode("utf-8", "replace")
    shape = tuple(int(raw.Shape(i)) for i in range(min(raw.ShapeLength(), 8)))
    if raw.ShapeLength() > 6 or any(size < 1 for size in shape):
        raise UnsupportedModel(
            f"tensor {index} ({name!r}) has the shape {list(shape)}: sizes must be known, ranks up to 6"
        )
    if raw.Sparsity() is not None or raw.IsVariable():
        raise UnsupportedModel(f"tensor {index} ({name!r}) is sparse or a variable")
    count = 1
    for size in shape:
        count *= size
    if count > MAX_TENSOR_BYTES:
        raise UnsupportedModel(
            f"tensor {index} ({name!r}) has {count} elements, more than any board here holds"
        )
    quantization = raw.Quantization()
    scales, zeros = 0, 0
    if quantization is not None:
        scales, zeros = quantization.ScaleLength(), quantization.ZeroPointLength()
    if zeros not in (scales, 0):
        raise UnreadableModel(f"tensor {index} ({name!r}) has {scales} scales and {zeros} zero points")
    scale = np.array([quantization.Scale(i) for i in range(scales)], np.float32)
    zero = np.array([quantization.ZeroPoint(i) for i in range(zeros)] or [0] * scales, np.int64)
    return Tensor(
        index=index,
        name=name,
        shape=shape,
        type=schema.type_names.get(raw.Type(), f"type {raw.Type()}"),
        scale=scale,
        zero_point=zero,
        axis=quantization.QuantizedDimension() if quantization is not None else 0,
        data=_buffer(model, raw.Buffer(), index),
    )


def _buffer(model: Any, number: int, tensor: int) -> bytes | None:
    if number == 0:
        return None
    if number >= model.BuffersLength():
        raise UnreadableModel(f"tensor {tensor} refers to buffer {number}, of {model.BuffersLength()}")
    raw = model.Buffers(number)
    if raw.Offset() > 1:
        raise UnsupportedModel(f"tensor {tensor} lies behind the flatbuffer, as in files above 2 GB")
    return bytes(raw.DataAsNumpy()) if raw.DataLength() else None


def _indices(holder: Any, what: str) -> tuple[int, ...]:
    length = getattr(holder, f"{what}Length")()
    if length > 1024:
        raise UnsupportedModel(f"{length} {what.lower()}; at most 1,024 are supported")
    return tuple(int(getattr(holder, what)(i)) for i in range(length))


def _node(schema: _Schema, model: Any, subgraph: Any, index: int) -> Node:
    raw = subgraph.Operators(index)
    if raw.OpcodeIndex() >= model.OperatorCodesLength():
        raise UnreadableModel(f"operator {index} refers to operator code {raw.OpcodeIndex()}")
    code = model.OperatorCodes(raw.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = schema.operator_names.get(number, f"operator {number}")
    if kind == "CUSTOM":
        kind = f"custom operator {(code.CustomCode() or b'').decode('utf-8', 'replace')!r}"
    return Node(
        index=index,
        kind=kind,
        version=code.Version(),
        inputs=_indices(raw, "Inputs"),
        outputs=_indices(raw, "Outputs"),
        options=_options(schema, raw, kind),
    )


def _options(schema: _Schema, raw: Any, kind: str) -> Mapping[str, Any]:
    if kind not in _OPTIONS:
        return {}
    class_name, _, accessors = _OPTIONS[kind]
    options = schema.classes(class_name)()
    table = raw.BuiltinOptions()
    if table is not None and raw.BuiltinOptionsType() == vars(schema.classes("BuiltinOptions"))[class_name]:
        options.Init(table.Bytes, table.Pos)
    else:
        raise UnreadableModel(f"an operator of kind {kind} has no {class_name}")
    return {name: getattr(options, name)() for name in accessors}


def _check_references(graph: Graph) -> None:
    count = len(graph.tensors)
    for node in graph.nodes:
        if any(not -1 <= i < count for i in node.inputs) or any(not 0 <= i < count for i in node.outputs):
            raise UnreadableModel(f"operator {node.index} ({node.kind}) refers to a tensor that is not there")
    if any(not 0 <= i < count for i in graph.inputs + graph.outputs):
        raise UnreadableModel("an input or output of the model refers to a tensor that is not there")
