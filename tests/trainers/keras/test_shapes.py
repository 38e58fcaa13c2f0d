"""Shapes behind each visual layer, and the layers that do not fit."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.errors import InvalidMember
from daemon.trainers.keras.layers import settle_layers
from daemon.trainers.keras.shapes import Placed, Shape, place_layers
from daemon.wire.keras import KerasVisualLayer
from daemon.wire.members import convert


def place(layers: list[dict[str, Any]], input_shape: Shape) -> list[Placed]:
    return place_layers(settle_layers(convert(layers, list[KerasVisualLayer]))[0], input_shape)


def layer(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, **members}


def conv(kind: str, neurons: int = 8, **members: Any) -> dict[str, Any]:
    return layer(kind, neurons=neurons, **members)


@pytest.mark.parametrize(
    ("layers", "input_shape", "shapes", "parameters"),
    [
        ([layer("dense", neurons=20), layer("dense", neurons=10)], (33,), [(20,), (10,)], [680, 210]),
        (
            [layer("reshape", columns=3), conv("conv1d", kernelSize=5, stack=2), layer("flatten")],
            (30,),
            [(10, 3), (5, 8), (40,)],
            [0, (5 * 3 + 1) * 8 + (5 * 8 + 1) * 8, 0],
        ),
        (
            [layer("reshape", columns=8), conv("conv2d", 4), layer("flatten")],
            (64,),
            [(8, 8, 1), (4, 4, 4), (64,)],
            [0, 40, 0],
        ),
        # An odd length keeps its remainder in the pooling.
        ([conv("conv2d", 2), layer("flatten")], (9, 7, 3), [(5, 4, 2), (40,)], [56, 0]),
        (
            [layer("batchNormalization"), layer("dropout", dropoutRate=0.5), layer("dense", neurons=2)],
            (4,),
            [(4,), (4,), (2,)],
            [16, 0, 10],
        ),
        # The convolution that follows says how a reshape is meant, whatever lies between.
        (
            [
                layer("reshape", columns=4),
                layer("dropout", dropoutRate=0),
                conv("conv2d", 1),
                layer("flatten"),
            ],
            (16,),
            [(4, 4, 1), (4, 4, 1), (2, 2, 1), (4,)],
            [0, 0, 10, 0],
        ),
        ([], (5,), [], []),
    ],
)
def test_shapes_and_parameters(
    layers: list[dict[str, Any]], input_shape: Shape, shapes: list[Shape], parameters: list[int]
) -> None:
    placed = place(layers, input_shape)
    assert [one.gives for one in placed] == shapes
    assert [one.sees for one in placed] == [input_shape, *shapes][: len(placed)]
    assert [one.parameters for one in placed] == parameters


FLAT = layer("flatten")


@pytest.mark.parametrize(
    ("layers", "input_shape", "message"),
    [
        (
            [layer("reshape", columns=7)],
            (64,),
            r"visualLayers\[0\].columns: 64 values cannot be divided into columns of 7: possible are 2, 4, 8",
        ),
        ([layer("reshape", columns=2)], (3,), r"visualLayers\[0\].columns: .* possible are 3"),
        ([conv("conv1d")], (64,), r"visualLayers\[0\]: .* sees \(64,\): put a reshape"),
        ([conv("conv2d")], (64,), r"visualLayers\[0\]: .* sees \(64,\): put a reshape"),
        ([conv("conv1d")], (8, 8, 1), r"visualLayers\[0\]: .* sees \(8, 8, 1\): use conv2d"),
        (
            [layer("reshape", columns=8), conv("conv1d"), conv("conv2d")],
            (64,),
            r"visualLayers\[2\]: a conv2d layer needs .* sees \(4, 8\)",
        ),
        (
            [layer("reshape", columns=8), conv("conv1d", kernelSize=9), FLAT],
            (64,),
            r"visualLayers\[1\].kernelSize: 9 is wider than what it sees, 8 steps: at most 8",
        ),
        (
            [layer("reshape", columns=4), conv("conv2d", kernelSize=5), FLAT],
            (64,),
            r"visualLayers\[1\].kernelSize: 5 is wider than what it sees, 4 columns",
        ),
        (
            [layer("reshape", columns=8), conv("conv2d"), conv("conv2d"), conv("conv2d"), FLAT],
            (64,),
            r"visualLayers\[3\].kernelSize: 3 is wider than what it sees, 2 rows",
        ),
        (
            [layer("reshape", columns=8), layer("dense", neurons=3)],
            (64,),
            r"visualLayers\[1\]: a dense layer needs flat rows and sees \(8, 8\): put a flatten",
        ),
        (
            [layer("reshape", columns=8), conv("conv2d")],
            (64,),
            r"visualLayers\[1\]: the output layer needs flat rows and sees \(4, 4, 8\): end with a flatten",
        ),
        ([], (8, 8, 3), r"visualLayers: the output layer needs flat rows and sees \(8, 8, 3\)"),
        (
            [layer("reshape", columns=1), conv("conv1d", 65536), FLAT],
            (4096,),
            r"visualLayers\[1\]: gives 134,217,728 values a row: at most",
        ),
        (
            [layer("transfer_mobilenetv2_a35"), layer("dense", neurons=2)],
            (96, 96, 3),
            r"visualLayers\[1\]: transfer_mobilenetv2_a35 is a whole network: it stands alone",
        ),
        ([layer("transfer_mobilenetv2_a35")], (64,), r"visualLayers\[0\]: .* needs images and sees \(64,\)"),
    ],
)
def test_layers_that_do_not_fit_are_named(
    layers: list[dict[str, Any]], input_shape: Shape, message: str
) -> None:
    with pytest.raises(InvalidMember, match=f"^{message}"):
        place(layers, input_shape)


def test_a_layer_that_is_not_enabled_is_left_out_and_keeps_its_number() -> None:
    given = convert(
        [layer("flatten", enabled=False), layer("dense", neurons=3, kernelSize=5)], list[KerasVisualLayer]
    )
    layers, ignored = settle_layers(given)
    assert [one.place for one in layers] == ["visualLayers[1]"]
    assert ignored == {
        "visualLayers[0]": "enabled is false",
        "visualLayers[1].kernelSize": "a dense layer has none",
    }
