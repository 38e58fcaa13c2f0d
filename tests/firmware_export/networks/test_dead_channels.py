"""Dead channels go, and no output changes."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.networks import ir
from firmware_export.networks.dead_channels import clean
from firmware_export.networks.emit_source import source
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run
from hw_tests.network_shapes import Chain
from hw_tests.tflite_builder import ModelBuilder
from tests.firmware_export.networks import compiled

SAME, VALID = 0, 1


def _weights(network: ir.Network) -> int:
    return sum(s.weights.size for s in network.steps if isinstance(s, (ir.Convolution, ir.Depthwise)))


def test_half_dead_chain_halves_and_stays_equal() -> None:
    chain = Chain((1, 12, 12, 3), 1, dead=True).conv(16, (3, 3)).depthwise().conv(32, (1, 1)).depthwise(2)
    network = read(chain.conv(16, (1, 1)).average().dense(4, 0).softmax().finish())
    cleaned = clean(network)
    assert cleaned.shape(cleaned.steps[2].output) == (1, 12, 12, 16)
    assert _weights(cleaned) < 0.5 * _weights(network)
    rows = compiled.rows_for(network, 6, seed=1)
    assert np.array_equal(run(cleaned, rows), run(network, rows))
    assert source(cleaned, "net").parameter_bytes < 0.6 * source(network, "net").parameter_bytes


def _constant_before(padding: int, bias: int, kernel: int) -> ir.Network:
    """A pointwise layer whose channel 1 is constant, and a depthwise and a full convolution behind it."""
    rng = np.random.default_rng(2)
    b = ModelBuilder()
    x = b.activation((1, 8, 8, 4), 0.05, -3)
    first, second, last = b.activation((1, 8, 8, 8), 0.05, -20), 0, 0
    weights = rng.integers(-127, 128, (8, 1, 1, 4)).astype(np.int8)
    weights[1] = 0
    biases = rng.integers(-999, 999, 8).astype(np.int32)
    biases[1] = bias
    b.operator(
        "CONV_2D",
        [x, b.constant(weights, [0.01]), b.constant(biases, [0.0005])],
        [first],
        3,
        StrideH=1,
        StrideW=1,
    )
    size = 8 if padding == SAME else 9 - kernel
    second = b.activation((1, size, size, 8), 0.05, 5)
    taps = rng.integers(-127, 128, (1, kernel, kernel, 8)).astype(np.int8)
    zeros = b.constant(np.zeros(8, np.int32), [0.0005])
    options = {"StrideH": 1, "StrideW": 1, "Padding": padding}
    b.operator(
        "DEPTHWISE_CONV_2D",
        [first, b.constant(taps, [0.01], axis=3), zeros],
        [second],
        3,
        DepthMultiplier=1,
        **options,
    )
    last = b.activation((1, size, size, 4), 0.05, 5)
    filters = rng.integers(-127, 128, (4, 1, 1, 8)).astype(np.int8)
    zeros = b.constant(np.zeros(4, np.int32), [0.0005])
    b.operator("CONV_2D", [second, b.constant(filters, [0.01]), zeros], [last], 3, StrideH=1, StrideW=1)
    return read(b.finish([x], [last]))


@pytest.mark.parametrize(
    ("padding", "bias", "kernel", "goes"),
    [
        (SAME, 0, 3, True),  # the zero point looks the same at the border
        (SAME, 5000, 3, False),  # another constant does not
        (VALID, 5000, 3, True),  # unless there is no border
        (SAME, 5000, 1, True),
    ],
)
def test_padding_is_respected(padding: int, bias: int, kernel: int, goes: bool) -> None:
    network = _constant_before(padding, bias, kernel)
    rows = compiled.rows_for(network, 8, seed=3)
    cleaned = clean(network)
    assert np.array_equal(run(cleaned, rows), run(network, rows))
    # Groups of four are kept whole, so that one dead channel alone keeps its place: count what could go.
    from firmware_export.networks import dead_channels

    kept = dead_channels._GROUP
    try:
        dead_channels._GROUP = 1
        alone = clean(network)
    finally:
        dead_channels._GROUP = kept
    assert (alone.shape(alone.steps[0].output)[-1] == 7) == goes
    assert np.array_equal(run(alone, rows), run(network, rows))


def test_a_channel_that_nobody_reads_goes() -> None:
    rng = np.random.default_rng(4)
    b = ModelBuilder()
    x, h, y = b.activation((1, 9), 0.05, -3), b.activation((1, 6), 0.05, 7), b.activation((1, 3), 0.05, 9)
    first = rng.integers(-127, 128, (6, 9)).astype(np.int8)
    second = rng.integers(-127, 128, (3, 6)).astype(np.int8)
    second[:, 4] = 0
    b.operator("FULLY_CONNECTED", [x, b.constant(first, [0.01]), -1], [h])
    b.operator("FULLY_CONNECTED", [h, b.constant(second, [0.01]), -1], [y])
    network = read(b.finish([x], [y]))
    cleaned = clean(network)
    assert cleaned.shape(h) == (1, 5)
    rows = compiled.rows_for(network, 8, seed=5)
    assert np.array_equal(run(cleaned, rows), run(network, rows))
