"""Shape arithmetic: integer operators whose inputs are known at export are computed now.

Converters leave SHAPE -> STRIDED_SLICE -> PACK -> RESHAPE behind for flexible batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from firmware_export.networks.ir import Int64
from firmware_export.networks.lower.context import Lowering
from firmware_export.networks.tflite_graph import Node

_LARGEST = 64
"""Elements of a folded tensor: shapes are short."""


def fold_shape_arithmetic(low: Lowering) -> set[int]:
    """Fill `low.folded` with integer tensors that are constant; returns the indices of nodes done with."""
    done: set[int] = set()
    for node in low.graph.nodes:
        if node.kind not in _FOLDABLE or len(node.outputs) != 1:
            continue
        output = low.graph.tensors[node.outputs[0]]
        if output.type not in ("INT32", "INT64"):
            continue
        low.node = node
        value = _FOLDABLE[node.kind](low, node)
        low.require(value.size == np.prod(output.shape, dtype=np.int64) <= _LARGEST, "shapes do not fit")
        low.folded[output.index] = value.reshape(output.shape)
        done.add(node.index)
    return done


def _shape(low: Lowering, node: Node) -> Int64:
    return np.array(low.tensor(0).shape, np.int64)


def _strided_slice(low: Lowering, node: Node) -> Int64:
    source = low.integers(0)
    options = node.options
    low.require(
        source.ndim == 1 and not options["EllipsisMask"] and not options["NewAxisMask"],
        "not supported on shapes",
    )
    begin, end, stride = (int(low.integers(place).reshape(-1)[0]) for place in (1, 2, 3))
    low.require(stride != 0, "a stride of 0")
    if options["ShrinkAxisMask"] & 1:
        return source[begin : begin + 1] if begin >= 0 else source[begin:][:1]
    return source[
        slice(None if options["BeginMask"] & 1 else begin, None if options["EndMask"] & 1 else end, stride)
    ]


def _joined(low: Lowering, node: Node) -> Int64:
    return np.concatenate([low.integers(place).reshape(-1) for place in range(len(node.inputs))])


def _same(low: Lowering, node: Node) -> Int64:
    return low.integers(0)


def _product(low: Lowering, node: Node) -> Int64:
    return np.asarray(low.integers(0) * low.integers(1), np.int64)


def _reduced_product(low: Lowering, node: Node) -> Int64:
    return np.array([np.prod(low.integers(0))], np.int64)


_FOLDABLE: Mapping[str, Callable[[Lowering, Node], Any]] = {
    "CAST": _same,
    "CONCATENATION": _joined,
    "MUL": _product,
    "PACK": _joined,
    "REDUCE_PROD": _reduced_product,
    "RESHAPE": _same,
    "SHAPE": _shape,
    "STRIDED_SLICE": _strided_slice,
}
