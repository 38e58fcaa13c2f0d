"""A .tflite file to the integer network: the only place that knows which operators are supported."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from firmware_export.errors import UnsupportedModel
from firmware_export.networks import ir
from firmware_export.networks.lower import convolution, elementwise, movement, reduction, unary
from firmware_export.networks.lower.context import LARGEST_SCALE, LEAST_SCALE, Lowering, zero
from firmware_export.networks.lower.shapes import fold_shape_arithmetic
from firmware_export.networks.simulate import run_step
from firmware_export.networks.tflite_graph import Graph, Node, read_graph

OPERATORS: Mapping[str, tuple[int, Callable[[Lowering], None]]] = {
    "ADD": (2, elementwise.add),
    "AVERAGE_POOL_2D": (2, convolution.average_pool_2d),
    "CONCATENATION": (2, movement.concatenation),
    "CONV_2D": (3, convolution.conv_2d),
    "DEPTHWISE_CONV_2D": (3, convolution.depthwise_conv_2d),
    "DEQUANTIZE": (2, unary.dequantize),
    "EXPAND_DIMS": (1, movement.reshape),
    "FULLY_CONNECTED": (7, convolution.fully_connected),
    "HARD_SWISH": (1, unary.hard_swish),
    "LEAKY_RELU": (2, unary.leaky_relu),
    "LOGISTIC": (2, unary.logistic_op),
    "MAXIMUM": (2, elementwise.maximum),
    "MAX_POOL_2D": (2, convolution.max_pool_2d),
    "MEAN": (2, reduction.mean),
    "MINIMUM": (2, elementwise.minimum),
    "MUL": (2, elementwise.mul),
    "PAD": (2, movement.pad),
    "PADV2": (2, movement.pad),
    "QUANTIZE": (2, unary.quantize),
    "REDUCE_MAX": (2, reduction.reduce_max),
    "RELU": (2, unary.relu),
    "RELU6": (2, unary.relu6),
    "RESHAPE": (1, movement.reshape),
    "RESIZE_NEAREST_NEIGHBOR": (3, movement.resize_nearest_neighbor),
    "SOFTMAX": (2, reduction.softmax),
    "SQUEEZE": (2, movement.reshape),
    "STRIDED_SLICE": (4, movement.strided_slice),
    "SUB": (3, elementwise.sub),
    "TANH": (2, unary.tanh_op),
    "TRANSPOSE": (4, movement.transpose),
}
"""Operator -> (newest version whose int8 form this is, its lowering)."""

_LAST_ADVICE = {
    "ARG_MAX": "leave it out: the caller finds the largest of the int8 outputs at no loss",
    "DEQUANTIZE": "give the model an int8 output (inference_output_type=tf.int8); <name>_dequantize is there",
}

_MOST_FOLDED = 1 << 16
"""Numbers that an operator on constants may read."""


def read(data: bytes) -> ir.Network:
    """The integer network of a .tflite file.

    Parameters
    ----------
    data : bytes
        The file; not trusted.

    Raises
    ------
    UnreadableModel
        It is damaged or no .tflite file.
    UnsupportedModel
        It has what the C cannot do; the message names operator, index, types and version.
    """
    graph = read_graph(data)
    low = Lowering(graph)
    _check_ends(graph)
    source = graph.tensors[graph.inputs[0]]
    low.enter(source)
    constant = fold_shape_arithmetic(low)
    for node in graph.nodes:
        if node.index in constant:
            continue
        low.node = node
        _lower(low, node)
    return _network(low)


def _check_ends(graph: Graph) -> None:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UnsupportedModel(
            f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs; one of each is supported"
        )
    last = next((node for node in graph.nodes if graph.outputs[0] in node.outputs), None)
    if last is not None and last.kind in _LAST_ADVICE:
        raise UnsupportedModel(
            f"operator {last.index}, {last.kind} version {last.version}, at the end: "
            f"{_LAST_ADVICE[last.kind]}"
        )
    for what, number in (("input", graph.inputs[0]), ("output", graph.outputs[0])):
        tensor = graph.tensors[number]
        if tensor.type != "INT8":
            raise UnsupportedModel(
                f"the model's {what} is {tensor.type}; quantize it to int8, {what} included"
            )
        if len(tensor.scale) != 1 or not LEAST_SCALE <= tensor.scale[0] <= LARGEST_SCALE:
            raise UnsupportedModel(f"the model's {what} is not quantized with one scale")
        if not -128 <= int(tensor.zero_point[0]) <= 127:
            raise UnsupportedModel(f"the model's {what} has the zero point {tensor.zero_point[0]}")
    if graph.tensors[graph.inputs[0]].data is not None:
        raise UnsupportedModel("the model's input is a constant")


def _lower(low: Lowering, node: Node) -> None:
    if node.kind not in OPERATORS:
        low.refuse("the operator is not supported")
    newest, lowering = OPERATORS[node.kind]
    if not 1 <= node.version <= newest:
        low.refuse(f"only versions up to {newest} are supported")
    if any(output in low.values for output in node.outputs):
        low.refuse("its output is computed twice")
    before = len(low.steps)
    lowering(low)
    for step in low.steps[before:]:
        _fold(low, step)


def _fold(low: Lowering, step: ir.Step) -> None:
    """Compute a step of constants now."""
    constants = [low.values[i].constant for i in step.inputs]
    known = [c for c in constants if c is not None]
    if len(known) == len(constants):
        low.require(
            sum(c.size for c in known) <= _MOST_FOLDED, "constants too large to compute with at export"
        )
        value = low.values[step.output]
        low.values[step.output] = ir.Value(value.shape, run_step(step, known, value.shape))
        low.steps.remove(step)


def _network(low: Lowering) -> ir.Network:
    graph = low.graph
    first, last = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    if last.index not in low.values or low.values[last.index].constant is not None:
        raise UnsupportedModel("the model's output does not depend on its input")
    needed, steps = {last.index}, []
    for step in reversed(low.steps):
        if step.output in needed:
            needed.update(step.inputs)
            steps.append(step)
    return ir.Network(
        values={number: low.values[number] for number in sorted(needed | {first.index})},
        steps=tuple(reversed(steps)),
        input=first.index,
        output=last.index,
        input_quantization=ir.Quantization(float(first.scale[0]), zero(first)),
        output_quantization=ir.Quantization(float(last.scale[0]), zero(last)),
        operators=tuple(sorted({node.kind for node in graph.nodes})),
    )
