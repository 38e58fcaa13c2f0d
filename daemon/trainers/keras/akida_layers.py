"""Which visual layers an Akida chip has, and in which form; without TensorFlow.

The form is that of Edge Impulse's Akida blocks: a ReLU of its own behind each layer, a stride in place of
each pooling. What a reshape or a flatten in the beginning says is how a row is to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.errors import AkidaArchitecture
from daemon.trainers.keras.layers import Layer
from daemon.trainers.keras.shapes import Placed, Shape, told

#: Least rows and columns of an image.
LEAST_SIDE = 5

#: Channels that an image may have.
CHANNELS = (1, 3)


@dataclass(frozen=True)
class Kernels:
    """Kernel sizes of convolutions that a generation of the chip has.

    Parameters
    ----------
    first : tuple of int
        Of the convolution that sees the image.
    later : tuple of int
        Of those behind it.
    strided : tuple of int
        Of those behind it that are the last of their layer's stack: they go in steps of two.
    """

    first: tuple[int, ...]
    later: tuple[int, ...]
    strided: tuple[int, ...]


KERNELS = {
    "v1": Kernels(first=(3, 5, 7), later=(1, 3, 5, 7), strided=(3,)),
    "v2": Kernels(first=(3, 5, 7), later=(1, 3, 5, 7), strided=(3,)),
}


@dataclass(frozen=True)
class AkidaPlan:
    """Layers in the form that the chip has.

    Parameters
    ----------
    shape : tuple of int
        How a row is read: ``(values,)``, or ``(rows, columns, channels)``.
    layers : tuple of Layer
        Of the types dense, conv2d, batchNormalization, flatten and dropout.
    """

    shape: Shape
    layers: tuple[Layer, ...]


def akida_plan(placed: Sequence[Placed], input_shape: Shape, generation: str) -> AkidaPlan:
    """Check layers and see how a row is read.

    Parameters
    ----------
    placed : sequence of Placed
        The layers before the output layer.
    input_shape : tuple of int
        Shape of one row.
    generation : str
        Of the chip: ``v1`` or ``v2``.

    Raises
    ------
    AkidaArchitecture
        A layer does not fit; the message names it and says what would.
    """
    lead = 0
    while lead < len(placed) and placed[lead].layer.type in ("reshape", "flatten"):
        lead += 1
    shape = placed[lead - 1].gives if lead else input_shape
    layers = tuple(one.layer for one in placed[lead:])
    for before, layer in zip((None, *layers), layers, strict=False):
        _check(layer, before)
    if len(shape) == 3:
        _check_image(shape, layers)
    elif len(shape) == 2:
        _refuse(placed[lead - 1].layer, f"gives {told(shape)}, which the chip cannot read: go on with conv2d")
    _check_kernels([layer for layer in layers if layer.type == "conv2d"], KERNELS[generation], generation)
    return AkidaPlan(shape, layers)


def _check(layer: Layer, before: Layer | None) -> None:
    """What can be said of a layer by what stands before it."""
    if layer.transfer:
        _refuse(layer, "MobileNets do not fit: use conv2d layers in a block of type keras")
    if layer.type == "conv1d":
        _refuse(layer, "the chip's kernels are squares: begin with a reshape, and use conv2d")
    if layer.type == "reshape":
        _refuse(layer, "the chip reads a row in one way: put it in the beginning, or leave it out")
    if layer.type == "batchNormalization" and (before is None or before.type not in ("dense", "conv2d")):
        _refuse(layer, "becomes part of the layer before it: put it directly behind a dense or conv2d layer")


def _check_image(shape: Shape, layers: Sequence[Layer]) -> None:
    rows, columns, channels = shape
    first = next((layer for layer in layers if layer.type != "dropout"), None)
    if first is None or first.type != "conv2d":
        raise AkidaArchitecture(
            f"{first.place if first else 'visualLayers'}: the chip reads images of {told(shape)} by a conv2d "
            "layer only: begin with one, or with a flatten layer",
            stage="quantize",
        )
    if channels not in CHANNELS or min(rows, columns) < LEAST_SIDE:
        _refuse(
            first,
            f"sees {told(shape)}: the chip reads images of {LEAST_SIDE} x {LEAST_SIDE} or more, with "
            f"{' or '.join(map(str, CHANNELS))} channels",
        )


def _check_kernels(convolutions: Sequence[Layer], has: Kernels, generation: str) -> None:
    for place, layer in enumerate(convolutions):
        known = set(has.first) if place == 0 else set(has.strided)
        if layer.stack > 1:
            known = (set(has.first) if place == 0 else set(has.later)) & set(has.strided)
        if layer.kernel_size not in known:
            raise AkidaArchitecture(
                f"{layer.place}.kernelSize: {layer.kernel_size} is none of "
                f"{', '.join(map(str, sorted(known)))}, which Akida {generation} has there",
                stage="quantize",
            )


def _refuse(layer: Layer, why: str) -> None:
    raise AkidaArchitecture(
        f"{layer.place}: a {layer.type} layer does not fit on Akida: {why}", stage="quantize"
    )
