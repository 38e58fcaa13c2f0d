"""What a network costs: flash, RAM, multiplications, in all and by layer."""

from __future__ import annotations

import numpy as np

from firmware_export.figures import Figures, Layer
from firmware_export.networks import ir
from firmware_export.networks.emit_source import Source

CODE_BYTES = {
    "requantize": 0,
    "lanes": 0,
    "vectors": 0,
    "widen": 160,
    "dense": 420,
    "fully_connected": 60,
    "four_columns": 800,
    "conv_2d": 820,
    "depthwise_3x3_layer": 0,
    "depthwise_rows": 1000,
    "depthwise_3x3": 400,
    "depthwise_conv_2d": 420,
    "pool_2d": 320,
    "lookup": 40,
    "broadcast": 0,
    "add": 330,
    "mul": 330,
    "extremum": 240,
    "reduce": 330,
    "softmax": 700,
    "copy": 260,
    "resize_nearest_neighbor": 120,
}
"""Machine code of each kernel on a Cortex-M4F at -O2, rounded up; tests hold it against the compiler."""

_FRAME_BYTES = 300
_CALL_BYTES = 56
STACK_BYTES = 400
"""Stack below invoke: the deepest chain of kernels, rounded up."""


def figures(network: ir.Network, source: Source) -> Figures:
    """The costs of a network with its source."""
    layers = tuple(
        Layer(step.label, network.shape(step.output), _macs(network, step), _weights(step))
        for step in network.steps
    )
    code = _FRAME_BYTES + sum(CODE_BYTES[k] for k in source.kernels) + _CALL_BYTES * len(network.steps)
    buffers = network.values[network.input].size + network.values[network.output].size
    return Figures(
        parameters=source.parameter_bytes,
        code=code,
        scratch=source.plan.size,
        buffers=buffers,
        stack=STACK_BYTES,
        macs=sum(layer.macs for layer in layers),
        layers=layers,
    )


def _macs(network: ir.Network, step: ir.Step) -> int:
    out = network.shape(step.output)
    if isinstance(step, ir.Convolution):
        return int(np.prod(out[:-1], dtype=np.int64)) * step.weights.size
    if isinstance(step, ir.Depthwise):
        return int(np.prod(out[-3:-1], dtype=np.int64)) * step.weights.size
    return 0


def _weights(step: ir.Step) -> int:
    return step.weights.size if isinstance(step, (ir.Convolution, ir.Depthwise)) else 0
