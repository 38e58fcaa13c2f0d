"""Which layers fit on a chip, by the table of the page; without TensorFlow and MetaTF."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.errors import AkidaArchitecture
from daemon.quantize.akida.inputs import coding_from, coding_of
from daemon.trainers.keras.akida_layers import KERNELS, AkidaPlan, akida_plan
from daemon.trainers.keras.layers import settle_layers
from daemon.trainers.keras.shapes import Shape, place_layers
from daemon.wire.keras import KerasVisualLayer as Layer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "akida.md").read_text()

GRID, FLAT = Layer("reshape", columns=8), Layer("flatten")


def conv(kernel: int = 3, stack: int = 1) -> Layer:
    return Layer("conv2d", neurons=4, kernel_size=kernel, stack=stack)


def plan(layers: list[Layer], shape: Shape = (64,), generation: str = "v1") -> AkidaPlan:
    return akida_plan(place_layers(settle_layers(layers)[0], shape), shape, generation)


@pytest.mark.parametrize("generation", KERNELS)
@pytest.mark.parametrize(
    ("layers", "shape", "seen"),
    [
        ([Layer("dense", neurons=4)], (64,), (64,)),
        ([], (64,), (64,)),
        ([GRID, conv(), FLAT], (64,), (8, 8, 1)),
        ([GRID, FLAT, Layer("dense", neurons=4)], (64,), (64,)),
        ([FLAT, Layer("dense", neurons=4)], (8, 8, 3), (192,)),
        ([Layer("dropout", dropout_rate=0.1), conv(), FLAT], (8, 8, 3), (8, 8, 3)),
        ([conv(7), Layer("batchNormalization"), conv(3, 2), FLAT], (8, 8, 1), (8, 8, 1)),
    ],
)
def test_what_fits(layers: list[Layer], shape: Shape, seen: Shape, generation: str) -> None:
    assert plan(layers, shape, generation).shape == seen


@pytest.mark.parametrize(
    ("layers", "shape", "said"),
    [
        ([GRID, Layer("conv1d", neurons=4), FLAT], (64,), r"visualLayers\[1\].*conv1d.*conv2d"),
        ([conv(), Layer("reshape", columns=4), FLAT], (8, 8, 1), r"visualLayers\[1\].*beginning"),
        ([Layer("batchNormalization")], (64,), r"visualLayers\[0\].*directly behind"),
        ([conv(), FLAT, Layer("batchNormalization")], (8, 8, 1), r"visualLayers\[2\].*directly behind"),
        ([conv(), FLAT], (4, 16, 1), r"visualLayers\[0\].*\(4, 16, 1\).*5 x 5"),
        ([conv(), FLAT], (8, 8, 2), r"visualLayers\[0\].*1 or 3 channels"),
        ([conv(4), FLAT], (8, 8, 1), r"visualLayers\[0\].kernelSize: 4 is none of 3, 5, 7"),
        ([conv(), conv(1), FLAT], (8, 8, 1), r"visualLayers\[1\].kernelSize: 1 is none of 3,"),
        ([conv(5, 2), FLAT], (8, 8, 1), r"visualLayers\[0\].kernelSize: 5 is none of 3,"),
        ([Layer("dropout", dropout_rate=0.1), FLAT], (8, 8, 1), r"visualLayers\[1\]: .*begin with one"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(layers: list[Layer], shape: Shape, said: str) -> None:
    with pytest.raises(AkidaArchitecture, match=said):
        plan(layers, shape)


def test_the_kernels_are_those_of_the_page() -> None:
    told = dict(re.findall(r"^\| (the first one|a later one .*?|others) \| (.*) \|$", PAGE, re.MULTILINE))
    rows = zip(told.values(), ("first", "strided", "later"), strict=True)
    for cells, name in rows:
        for cell, kernels in zip(cells.split(" | "), KERNELS.values(), strict=True):
            assert cell == ", ".join(map(str, getattr(kernels, name)))


def coded(rows: Any, shape: Shape, generation: str) -> Any:
    """The integers of some rows, by the coding as a manifest tells it."""
    coding = coding_of(np.asarray(rows, np.float32), shape, generation)
    return coding_from(coding.as_dict()).encode(np.asarray(rows, np.float32)).reshape(len(rows), -1).tolist()


def test_each_value_of_a_vector_has_a_range_of_its_own() -> None:
    rows = [[0.0, -5.0, 7.0], [1.0, 5.0, 7.0], [0.5, 0.0, 7.0]]
    assert coded(rows, (3,), "v1") == [[0, 0, 0], [15, 15, 0], [8, 8, 0]]
    assert coded(rows, (3,), "v2") == [[-127, -127, -127], [127, 127, -127], [0, 0, -127]]


def test_an_image_has_one_range_and_pixels_keep_theirs() -> None:
    pixels = np.linspace(0.2, 0.6, 50).reshape(2, 25)
    np.testing.assert_array_equal(
        coded(pixels, (5, 5, 1), "v1"), np.floor(pixels.astype(np.float32) * np.float32(255) + 0.5)
    )
    wide = np.linspace(-3, 9, 50).reshape(2, 25)
    assert coded(wide, (5, 5, 1), "v2")[0][0] == 0 and coded(wide, (5, 5, 1), "v2")[1][-1] == 255
