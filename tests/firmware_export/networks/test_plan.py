"""The memory plan: nothing that lives lies on something else that lives, and the size is exact."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.networks.emit_steps import kernel_scratch
from firmware_export.networks.plan import plan
from firmware_export.networks.read_tflite import read
from hw_tests.network_shapes import SHAPES, Chain


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_that_live_together_lie_apart(shape: str) -> None:
    network = read(SHAPES[shape]())
    layout = plan(network, {i: kernel_scratch(network, step) for i, step in enumerate(network.steps)})
    for i, a in enumerate(layout.blocks):
        assert a.offset % 8 == 0
        for b in layout.blocks[:i]:
            apart_in_time = a.last < b.first or b.last < a.first
            assert apart_in_time or a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
    assert layout.size == max((b.offset + b.size for b in layout.blocks), default=0)


def test_activations_and_depthwise_rows_take_the_place_of_their_input() -> None:
    network = read(Chain((1, 16, 16, 8), 1).conv(8, (1, 1)).depthwise().conv(4, (1, 1)).finish())
    layout = plan(network, {})
    first, second, _ = (step.output for step in network.steps)
    assert layout.offsets[first] == layout.offsets[second]
    assert layout.size == 16 * 16 * 8


def test_a_residual_sum_takes_the_place_of_an_input() -> None:
    chain = Chain((1, 8, 8, 4), 1).conv(4, (1, 1))
    entry = (chain.at, chain.scale, chain.zero)
    network = read(chain.conv(4, (3, 3)).add(entry).conv(2, (1, 1)).finish())
    layout = plan(network, {})
    first, second, total = (step.output for step in network.steps[:3])
    assert layout.offsets[total] in (layout.offsets[first], layout.offsets[second])
    assert layout.size == 2 * 8 * 8 * 4


def test_a_reshape_costs_nothing() -> None:
    network = read(Chain((1, 4, 4, 8), 1).conv(8, (1, 1)).reshape((1, 128)).dense(4, 0).finish())
    layout = plan(network, {})
    assert layout.size == 128
    assert len(set(np.array(list(layout.offsets.values())))) == 1
