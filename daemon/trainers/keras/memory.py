"""How much memory the training of a network will take, told from its layers and the numbers of rows alone.

The factors were measured on the anonymous memory of workers; ``make bench`` holds the estimate against what
is used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.errors import WorkerOutOfMemory
from daemon.memory import available_memory
from daemon.trainers.keras.pretrained import PRETRAINED
from daemon.trainers.keras.shapes import Placed, Shape

_MIB = 1024 * 1024

#: What TensorFlow takes by itself; its libraries are files, which the system reads again at need.
_RUNTIME_BYTES = 270 * _MIB

#: Bytes for each learnt number: weight, gradient, Adam's two, those of the best epoch; then its forms in the
#: files, the largest of which is the text of the C.
_PARAMETER_BYTES = 150

#: Bytes for each value between two layers of each row of a step: the value, its gradient, and what is made
#: meanwhile.
_ACTIVATION_BYTES = 16

#: Bytes for each value of the data: as read, as examples, and on the device.
_DATA_BYTES = 16


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a worker will use.

    Parameters
    ----------
    parameters, activations, data : int
        For what is learnt, for the rows of one step, and for all rows.
    """

    parameters: int
    activations: int
    data: int

    @property
    def total(self) -> int:
        """All that the worker will call its own, TensorFlow's part included."""
        return _RUNTIME_BYTES + self.parameters + self.activations + self.data

    def __str__(self) -> str:
        parts = {
            "TensorFlow": _RUNTIME_BYTES,
            "weights": self.parameters,
            "a step": self.activations,
            "rows": self.data,
        }
        told = ", ".join(f"{name} {_mib(size)}" for name, size in parts.items())
        return f"about {_mib(self.total)} MiB ({told})"


def estimate_memory(
    layers: Sequence[Placed], input_shape: Shape, outputs: int, rows: int, batch_size: int
) -> MemoryEstimate:
    """What a training will take.

    Parameters
    ----------
    layers : sequence of Placed
        The layers before the output layer.
    input_shape : tuple of int
        Shape of one row.
    outputs : int
        Outputs of the network.
    rows : int
        Rows that train, validate and test.
    batch_size : int
        Rows of a step.
    """
    width = math.prod(input_shape)
    last = math.prod(layers[-1].gives) if layers else width
    parameters = sum(placed.parameters for placed in layers) + (last + 1) * outputs
    # Of a stack of convolutions all but the last give as much as is pooled at its end.
    between = width + outputs
    for placed in layers:
        if placed.layer.transfer:
            between += math.prod(placed.gives[:2]) * PRETRAINED[placed.layer.type].values
        if placed.layer.stack:
            between += placed.layer.stack * math.prod(placed.sees[:-1]) * placed.layer.neurons
        between += math.prod(placed.gives)
    return MemoryEstimate(
        parameters * _PARAMETER_BYTES,
        min(batch_size, rows) * between * _ACTIVATION_BYTES,
        rows * (width + outputs) * _DATA_BYTES,
    )


def over_limit(estimate: MemoryEstimate, limit: int) -> str | None:
    """What is wrong with a training that takes more than a worker may use, and what helps; else None."""
    if estimate.total <= limit:
        return None
    return (
        f"the training needs {estimate} of memory, a worker may use {_mib(limit)} MiB: use smaller layers, a "
        "smaller batchSize or fewer rows, or raise worker.memory_mb"
    )


def check_memory(estimate: MemoryEstimate, limit: int | None) -> None:
    """Refuse a training that would be killed for want of memory.

    Parameters
    ----------
    estimate : MemoryEstimate
        What it will take.
    limit : int or None
        Bytes that a worker may use.

    Raises
    ------
    WorkerOutOfMemory
        With the figures, and what helps.
    """
    if limit is not None and (problem := over_limit(estimate, limit)) is not None:
        raise WorkerOutOfMemory(problem, stage="prepare")
    # TensorFlow's libraries are loaded by now.
    available = available_memory()
    if estimate.total > available + _RUNTIME_BYTES:
        raise WorkerOutOfMemory(
            f"the training needs {estimate} of memory, {_mib(available)} MiB more are free: free some, or "
            "use smaller layers, a smaller batchSize or fewer rows",
            stage="prepare",
            retryable=True,
        )


def _mib(size: int) -> str:
    return f"{size / _MIB:,.0f}"
