"""The integer network: what a .tflite file comes down to, and all that the C is made of.

Values are int8 tensors of batch 1; steps compute one value from others. Every number a step holds
is an integer, ready for the kernel: scales are gone. `simulate` says what each step means.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Requantization:
    """From int32 sums to int8: multiply, shift, add the zero point, clamp.

    Attributes
    ----------
    multiplier, shift : int64 arrays, shape (channels,)
        Of gemmlowp's double rounding.
    zero_point, low, high : int
        Of the output.
    """

    multiplier: Int64
    shift: Int64
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class Window:
    """How a kernel slides over a picture; `pad` is (top, left), and what lies outside counts as zero."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad: tuple[int, int]


@dataclass(frozen=True)
class Step:
    """Computes value `output` from the values `inputs`; `label` says where it comes from."""

    inputs: tuple[int, ...]
    output: int
    label: str


@dataclass(frozen=True)
class Convolution(Step):
    """CONV_2D, and FULLY_CONNECTED as a 1x1 convolution over its rows.

    Attributes
    ----------
    weights : int8 array, shape (out channels, kernel height, kernel width, in channels)
    bias : int64 array, shape (out channels,)
    input_zero : int
    """

    weights: Int8
    bias: Int64
    input_zero: int
    window: Window
    requantization: Requantization


@dataclass(frozen=True)
class Depthwise(Step):
    """DEPTHWISE_CONV_2D.

    Attributes
    ----------
    weights : int8 array, shape (kernel height, kernel width, out channels)
        Output channel c reads input channel c // multiplier.
    multiplier : int
    """

    weights: Int8
    bias: Int64
    input_zero: int
    multiplier: int
    window: Window
    requantization: Requantization


@dataclass(frozen=True)
class Pool(Step):
    """AVERAGE_POOL_2D, or MAX_POOL_2D where `maximum`; what lies outside does not count."""

    maximum: bool
    window: Window
    low: int
    high: int


@dataclass(frozen=True)
class Lookup(Step):
    """Any function of one int8: output = table[input + 128]."""

    table: Int8


@dataclass(frozen=True)
class Add(Step):
    """ADD and SUB (a negative `sign`), with broadcasting; multiplier and shift of both inputs and the sum."""

    sign: int
    zeros: tuple[int, int]
    multipliers: tuple[int, int]
    shifts: tuple[int, int]
    requantization: Requantization


@dataclass(frozen=True)
class Multiply(Step):
    """MUL, with broadcasting."""

    zeros: tuple[int, int]
    requantization: Requantization


@dataclass(frozen=True)
class Extremum(Step):
    """MAXIMUM or MINIMUM, with broadcasting."""

    maximum: bool


@dataclass(frozen=True)
class Reduce(Step):
    """MEAN, or REDUCE_MAX where there is no requantization, over `axes`.

    Attributes
    ----------
    offset : int
        Added to the sum before it is requantized.
    """

    axes: tuple[int, ...]
    offset: int
    requantization: Requantization | None


@dataclass(frozen=True)
class Softmax(Step):
    """SOFTMAX over the last axis."""

    multiplier: int
    shift: int
    least_difference: int


@dataclass(frozen=True)
class Gather(Step):
    """Copies by index: output[i, j, ...] = input[rows[0][i], rows[1][j], ...] after moving axes.

    TRANSPOSE, STRIDED_SLICE and RESIZE_NEAREST_NEIGHBOR.

    Attributes
    ----------
    axes : tuple of int
        Output axis k runs over input axis axes[k].
    indices : tuple of int arrays
        For each output axis, the positions on its input axis.
    """

    axes: tuple[int, ...]
    indices: tuple[Int64, ...]


@dataclass(frozen=True)
class Place(Step):
    """Inputs put into the output at the given corners, the rest filled: CONCATENATION, PAD, PADV2."""

    corners: tuple[tuple[int, ...], ...]
    fill: int | None


@dataclass(frozen=True)
class Reshape(Step):
    """The same bytes under another shape: RESHAPE, SQUEEZE, EXPAND_DIMS."""


@dataclass(frozen=True)
class Value:
    """An int8 tensor; `constant` holds its content where it is known."""

    shape: tuple[int, ...]
    constant: Int8 | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class Quantization:
    """real = scale * (integer - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Network:
    """A whole network; steps are in an order that can be run.

    Attributes
    ----------
    values : dict
        By number, as the steps refer to them.
    """

    values: dict[int, Value]
    steps: tuple[Step, ...]
    input: int
    output: int
    input_quantization: Quantization
    output_quantization: Quantization
    operators: tuple[str, ...] = field(default=())

    def shape(self, value: int) -> tuple[int, ...]:
        """Shape of a value."""
        return self.values[value].shape

    def with_steps(self, steps: tuple[Step, ...], values: dict[int, Value] | None = None) -> Network:
        """The same network with other steps."""
        return replace(self, steps=steps, values=self.values if values is None else values)
