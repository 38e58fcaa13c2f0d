"""Networks of Keras, with normalisation folded into their weights, lose the channels that are dead."""

from __future__ import annotations

import numpy as np

from firmware_export.networks.dead_channels import clean
from firmware_export.networks.emit_source import source
from firmware_export.networks.exporting import sample_inputs
from firmware_export.networks.figures import figures
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run
from hw_tests.keras_shapes import make


def test_half_of_a_mobilenets_channels_cost_nothing_once_they_are_dead() -> None:
    network = read(make("the same, half dead"))
    cleaned = clean(network)
    before, after = (figures(each, source(each, "net")) for each in (network, cleaned))
    assert before.macs == 7_489_664
    # A pointwise layer is left a quarter of its multiplications: half of the inputs, half of the outputs.
    assert after.macs <= 0.3 * before.macs and after.parameters <= 0.35 * before.parameters
    inputs = sample_inputs(network)
    np.testing.assert_array_equal(run(cleaned, inputs), run(network, inputs))
