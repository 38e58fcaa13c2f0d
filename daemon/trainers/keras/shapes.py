"""The shape that data has after each visual layer, known without TensorFlow and before any training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.errors import InvalidMember
from daemon.trainers.keras.layers import Layer
from daemon.trainers.keras.pretrained import PRETRAINED

Shape = tuple[int, ...]

#: Most values that one row may have between two layers: 64 MiB of float32.
MAX_VALUES = 16 * 1024 * 1024

#: Least width and height of an image that a network that was trained before sees.
LEAST_SIDE = 32


@dataclass(frozen=True)
class Placed:
    """A layer between two shapes.

    Parameters
    ----------
    layer : Layer
        What it is.
    sees, gives : tuple of int
        Shape of one row before and after it: ``(features,)``, ``(steps, columns)`` or
        ``(rows, columns, channels)``.
    parameters : int
        Numbers that are learnt in it.
    """

    layer: Layer
    sees: Shape
    gives: Shape
    parameters: int


def place_layers(layers: Sequence[Layer], input_shape: Shape) -> list[Placed]:
    """Follow the shape of a row through the layers.

    Parameters
    ----------
    layers : sequence of Layer
        The layers before the output layer, which is dense and not among them.
    input_shape : tuple of int
        ``(features,)``, or ``(rows, columns, channels)`` of images.

    Returns
    -------
    list of Placed
        The layers in their order; a row is flat behind the last one, unless that is a transfer model.

    Raises
    ------
    InvalidMember
        A layer does not fit what the layers before it give; the message names it.
    """
    placed: list[Placed] = []
    # What the raw features are before a reshape or a convolution says how they are to be read.
    shape: Shape = input_shape
    for number, layer in enumerate(layers):
        if layer.transfer:
            images = _images(layer, layers, input_shape)
            return [Placed(layer, input_shape, images, PRETRAINED[layer.type].parameters)]
        gives, parameters = _RULES[layer.type](layer, shape, layers[number + 1 :])
        if math.prod(gives) > MAX_VALUES:
            raise InvalidMember(
                layer.place, f"gives {math.prod(gives):,} values a row: at most {MAX_VALUES:,} are taken"
            )
        placed.append(Placed(layer, shape, gives, parameters))
        shape = gives
    if len(shape) > 1:
        raise InvalidMember(
            placed[-1].layer.place if placed else "visualLayers",
            f"the output layer needs flat rows and sees {told(shape)}: end with a flatten layer",
        )
    return placed


def told(shape: Shape) -> str:
    """A shape as people write it: ``(8, 8, 1)``, and ``(33,)`` as Python does."""
    return str(shape)


def _dense(layer: Layer, shape: Shape, _: Sequence[Layer]) -> tuple[Shape, int]:
    if len(shape) != 1:
        raise InvalidMember(
            layer.place,
            f"a dense layer needs flat rows and sees {told(shape)}: put a flatten layer before it",
        )
    return (layer.neurons,), (shape[0] + 1) * layer.neurons


def _conv1d(layer: Layer, shape: Shape, _: Sequence[Layer]) -> tuple[Shape, int]:
    if len(shape) != 2:
        remedy = (
            "put a reshape layer before it"
            if len(shape) == 1
            else "use conv2d, or a conv1d behind a reshape of its own"
        )
        raise InvalidMember(
            layer.place, f"a conv1d layer needs (steps, columns) and sees {told(shape)}: {remedy}"
        )
    steps, columns = shape
    _check_kernel(layer, steps, "steps")
    return (_pooled(steps), layer.neurons), _kernels(layer, layer.kernel_size, columns)


def _conv2d(layer: Layer, shape: Shape, _: Sequence[Layer]) -> tuple[Shape, int]:
    if len(shape) != 3:
        remedy = (
            "put a reshape layer before it"
            if len(shape) == 1
            else "use conv1d, or a conv2d behind a reshape of its own"
        )
        raise InvalidMember(
            layer.place, f"a conv2d layer needs (rows, columns, channels) and sees {told(shape)}: {remedy}"
        )
    rows, columns, channels = shape
    _check_kernel(layer, rows, "rows")
    _check_kernel(layer, columns, "columns")
    gives = (_pooled(rows), _pooled(columns), layer.neurons)
    return gives, _kernels(layer, layer.kernel_size**2, channels)


def _reshape(layer: Layer, shape: Shape, behind: Sequence[Layer]) -> tuple[Shape, int]:
    values = math.prod(shape)
    if values % layer.columns:
        raise InvalidMember(
            f"{layer.place}.columns",
            f"{values} values cannot be divided into columns of {layer.columns}: {_divisors(values)}",
        )
    rows = values // layer.columns
    # Which of the two is meant is said by the convolution that follows.
    following = next((one.type for one in behind if one.type in {"conv1d", "conv2d", "reshape"}), None)
    return ((rows, layer.columns, 1) if following == "conv2d" else (rows, layer.columns)), 0


def _flatten(_: Layer, shape: Shape, __: Sequence[Layer]) -> tuple[Shape, int]:
    return (math.prod(shape),), 0


def _same(_: Layer, shape: Shape, __: Sequence[Layer]) -> tuple[Shape, int]:
    return shape, 0


def _normalized(_: Layer, shape: Shape, __: Sequence[Layer]) -> tuple[Shape, int]:
    return shape, 4 * shape[-1]


_RULES = {
    "dense": _dense,
    "conv1d": _conv1d,
    "conv2d": _conv2d,
    "reshape": _reshape,
    "flatten": _flatten,
    "dropout": _same,
    "batchNormalization": _normalized,
}


def _kernels(layer: Layer, size: int, channels: int) -> int:
    """Parameters of all convolutions of a stack."""
    first = (size * channels + 1) * layer.neurons
    return first + (layer.stack - 1) * (size * layer.neurons + 1) * layer.neurons


def _pooled(length: int) -> int:
    """Length behind a pooling by 2 that keeps a remainder."""
    return (length + 1) // 2


def _check_kernel(layer: Layer, length: int, what: str) -> None:
    if layer.kernel_size > length:
        raise InvalidMember(
            f"{layer.place}.kernelSize",
            f"{layer.kernel_size} is wider than what it sees, {length} {what}: at most {length}",
        )


def _images(layer: Layer, layers: Sequence[Layer], input_shape: Shape) -> Shape:
    """What a network that was trained before sees; flat rows are squares, grey ones where they can be."""
    if len(layers) > 1:
        other = next(one for one in layers if one is not layer)
        raise InvalidMember(
            other.place, f"{layer.type} is a whole network: it stands alone, without a {other.type} layer"
        )
    images = input_shape if len(input_shape) == 3 else _square(math.prod(input_shape))
    if images is None or images[2] not in (1, 3) or min(images[:2]) < LEAST_SIDE:
        raise InvalidMember(
            layer.place,
            f"{layer.type} needs images and sees {told(input_shape)}: give it squares of {LEAST_SIDE} x "
            f"{LEAST_SIDE} or more, with 1 or 3 channels",
        )
    return images


def _square(values: int) -> Shape | None:
    """The square image of so many values, with 1 or else 3 channels."""
    for channels in (1, 3):
        side = math.isqrt(values // channels)
        if side * side * channels == values:
            return side, side, channels
    return None


def _divisors(values: int) -> str:
    fitting = [number for number in range(2, min(values, 512) + 1) if values % number == 0]
    return (
        f"possible are {', '.join(str(number) for number in fitting[:12])}"
        if fitting
        else "only 1 divides it"
    )
