"""What every lowering needs: the graph's tensors, checked, and a place for the steps."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from firmware_export.errors import UnsupportedModel
from firmware_export.networks import ir
from firmware_export.networks.fixed_point import activation_range, quantize_multiplier
from firmware_export.networks.ir import Int64
from firmware_export.networks.tflite_graph import Graph, Node, Tensor

ACTIVATIONS = {0: "NONE", 1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6"}

LEAST_SCALE, LARGEST_SCALE = 1e-12, 1e12
"""Scales outside are damage; inside, no product or ratio of them leaves float32."""


class Lowering:
    """Builds an integer network from a graph, node by node; `node` is the one at hand."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.node: Node
        self.values: dict[int, ir.Value] = {}
        self.steps: list[ir.Step] = []
        self.folded: dict[int, Int64] = {}
        self.dequantized: dict[int, Tensor] = {}

    def refuse(self, why: str) -> NoReturn:
        """Raise UnsupportedModel with the operator's name, index, types and version."""
        node = self.node
        types = ", ".join(self.graph.tensors[i].type for i in node.inputs if i >= 0)
        raise UnsupportedModel(
            f"operator {node.index}, {node.kind} version {node.version} of {types or 'nothing'}: {why}"
        )

    def require(self, holds: bool, why: str) -> None:
        """Refuse unless `holds`."""
        if not holds:
            self.refuse(why)

    @property
    def label(self) -> str:
        """How messages and comments call the node at hand."""
        return f"{self.node.index} {self.node.kind}"

    def tensor(self, place: int) -> Tensor:
        """Input tensor `place` of the node."""
        inputs = self.node.inputs
        self.require(place < len(inputs) and inputs[place] >= 0, f"input {place} is missing")
        return self.graph.tensors[inputs[place]]

    def optional(self, place: int) -> Tensor | None:
        """Input tensor `place`, if there is one."""
        inputs = self.node.inputs
        return self.graph.tensors[inputs[place]] if place < len(inputs) and inputs[place] >= 0 else None

    def output(self) -> Tensor:
        """The node's only output, which must be int8."""
        self.require(len(self.node.outputs) == 1, f"{len(self.node.outputs)} outputs")
        tensor = self.graph.tensors[self.node.outputs[0]]
        self.check_int8(tensor, "the output")
        return tensor

    def check_int8(self, tensor: Tensor, what: str) -> None:
        """Refuse a tensor that is not int8 with one sound scale and zero point."""
        if tensor.type != "INT8":
            advice = "; quantize the whole model to int8" if "FLOAT" in tensor.type else ""
            self.refuse(f"{what} is {tensor.type}, only INT8 is supported{advice}")
        self.require(len(tensor.scale) == 1, f"{what} has {len(tensor.scale)} scales, one is needed")
        self.require(
            LEAST_SCALE <= tensor.scale[0] <= LARGEST_SCALE, f"{what} has the scale {tensor.scale[0]}"
        )
        self.require(
            -128 <= int(tensor.zero_point[0]) <= 127, f"{what} has the zero point {tensor.zero_point[0]}"
        )

    def data(self, place: int) -> Tensor:
        """Input `place`, an int8 activation or constant, entered among the values."""
        tensor = self.tensor(place)
        self.check_int8(tensor, f"input {place}")
        if tensor.index not in self.values:
            content = tensor.data
            self.require(content is not None, f"input {place} is computed by no operator before it")
            self.enter(tensor, np.frombuffer(self._bytes(tensor, 1), np.int8).reshape(tensor.shape))
        return tensor

    def enter(self, tensor: Tensor, constant: ir.Int8 | None = None) -> None:
        """Make a tensor a value."""
        self.values[tensor.index] = ir.Value(tensor.shape, constant)

    def emit(self, step: ir.Step) -> None:
        """Append a step; its output becomes a value."""
        self.enter(self.graph.tensors[step.output])
        self.steps.append(step)

    def integers(self, place: int) -> Int64:
        """Input `place` as constant integers: shapes, axes, paddings."""
        tensor = self.tensor(place)
        if tensor.index in self.folded:
            return self.folded[tensor.index]
        widths = {"INT32": 4, "INT64": 8}
        self.require(tensor.type in widths, f"input {place} is {tensor.type}, INT32 or INT64 is needed")
        self.require(tensor.data is not None, f"input {place} must be constant")
        raw = self._bytes(tensor, widths[tensor.type])
        return np.frombuffer(raw, f"<i{widths[tensor.type]}").astype(np.int64).reshape(tensor.shape)

    def weights(self, place: int) -> tuple[ir.Int8, Tensor]:
        """Input `place` as constant int8 weights with symmetric scales."""
        tensor = self.tensor(place)
        if tensor.type != "INT8":
            hybrid = (
                " (a float or hybrid model); quantize it to int8 in full" if "FLOAT" in tensor.type else ""
            )
            self.refuse(f"its weights are {tensor.type}{hybrid}, only INT8 is supported")
        self.require(tensor.data is not None, "its weights must be constant")
        self.require(len(tensor.scale) > 0, "its weights have no scale")
        sound = bool(np.all((tensor.scale >= LEAST_SCALE) & (tensor.scale <= LARGEST_SCALE)))
        self.require(sound, "its weights have a broken scale")
        self.require(
            not np.any(tensor.zero_point), "its weights have a zero point; only symmetric ones are supported"
        )
        return np.frombuffer(self._bytes(tensor, 1), np.int8).reshape(tensor.shape), tensor

    def bias(self, place: int, channels: int) -> Int64:
        """Input `place` as an int32 bias, zeros where it is absent."""
        tensor = self.optional(place)
        if tensor is None:
            return np.zeros(channels, np.int64)
        self.require(tensor.type == "INT32", f"its bias is {tensor.type}, only INT32 is supported")
        self.require(tensor.data is not None, "its bias must be constant")
        values = np.frombuffer(self._bytes(tensor, 4), "<i4").astype(np.int64)
        self.require(len(values) == channels, f"{len(values)} biases for {channels} channels")
        return values

    def _bytes(self, tensor: Tensor, width: int) -> bytes:
        wanted = width * int(np.prod(tensor.shape, dtype=np.int64))
        content = tensor.data or b""
        self.require(
            len(content) == wanted,
            f"tensor {tensor.index} has {len(content)} bytes, its shape asks for {wanted}",
        )
        return content

    def clamp(self) -> tuple[int, int]:
        """The bounds of the fused activation."""
        code = self.node.options.get("FusedActivationFunction", 0)
        self.require(code in ACTIVATIONS, f"the fused activation {code} is not supported")
        output = self.output()
        low, high = activation_range(ACTIVATIONS[code], output.scale[0], int(output.zero_point[0]))
        self.require(low <= high, "its fused activation leaves no value")
        return low, high

    def requantization(self, scales: list[float]) -> ir.Requantization:
        """To the node's output, by real multipliers, with the fused activation."""
        pairs = [quantize_multiplier(scale) for scale in scales]
        self.require(all(shift <= 30 for _, shift in pairs), "a multiplier of 2^30 or more")
        low, high = self.clamp()
        return ir.Requantization(
            multiplier=np.array([m for m, _ in pairs], np.int64),
            shift=np.array([s for _, s in pairs], np.int64),
            zero_point=zero(self.output()),
            low=low,
            high=high,
        )

    def same_quantization(self, a: Tensor, b: Tensor) -> bool:
        """Whether two int8 tensors share scale and zero point."""
        return bool(a.scale[0] == b.scale[0]) and zero(a) == zero(b)


def zero(tensor: Tensor) -> int:
    """The zero point of a per-tensor quantized tensor."""
    return int(tensor.zero_point[0])
