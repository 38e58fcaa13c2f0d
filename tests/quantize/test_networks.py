"""Keras networks become .tflite files that say what the network said, and C that says the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from daemon.errors import TrainingError
from daemon.quantize import interpreter
from daemon.quantize.network import convert_float, convert_int8
from firmware_export.networks.exporting import export_network
from firmware_export.networks.read_tflite import read
from firmware_export.networks.tflite_graph import read_graph
from firmware_export.packages.table import Options
from tests.firmware_export.networks import compiled
from tests.quantize.networks import BODIES, build, digits, keras, trained


@pytest.mark.parametrize("body", BODIES)
def test_the_files_say_what_the_network_says(body: str, tmp_path: Path) -> None:
    model, rows = trained(body), digits()
    wanted = np.asarray(model(rows.unseen, training=False))

    floats = interpreter.load(convert_float(model))
    # The same float32 sums in another order.
    np.testing.assert_allclose(floats.run(rows.unseen), wanted, atol=1e-4)

    data = convert_int8(model, rows.unseen[:200])
    integers = interpreter.load(data)
    assert integers.is_int8
    got = integers.run(rows.unseen)
    # Outputs are steps of 1/256; what lies before them is as coarse.
    assert np.mean(np.abs(got - wanted).max(axis=1) < 0.1) > 0.97
    accuracy = [np.mean(said.argmax(axis=1) == rows.unseen_labels) for said in (wanted, got)]
    assert accuracy[0] > 0.9
    assert accuracy[1] >= accuracy[0] - 0.01

    network = read(data)
    compiled.write(network, "digits", tmp_path)
    inputs = interpreter.quantize(
        rows.unseen, network.input_quantization.scale, network.input_quantization.zero_point
    )
    outputs = compiled.run(compiled.build(["digits"], tmp_path, flags=["-O1"]), 0, inputs)
    from_c = interpreter.dequantize(
        outputs, network.output_quantization.scale, network.output_quantization.zero_point
    )
    # TensorFlow's interpreter rounds otherwise than microcontrollers in a few rows, by a few steps.
    assert np.mean((from_c != got).any(axis=1)) < 0.02
    np.testing.assert_allclose(from_c, got, atol=8.5 * network.output_quantization.scale)


def test_the_same_network_gives_the_same_bytes() -> None:
    model, rows = trained("dense"), digits()
    assert convert_float(model) == convert_float(model)
    assert convert_int8(model, rows.unseen) == convert_int8(model, rows.unseen)


@pytest.mark.parametrize(
    ("per_channel", "convolutions", "dense"),
    [("convolutions", 16, 1), ("everything", 16, 10), ("nothing", 1, 1)],
)
def test_weights_have_as_many_scales_as_was_asked_for(
    per_channel: str, convolutions: int, dense: int
) -> None:
    data = convert_int8(trained("conv2d"), digits().unseen, per_channel=per_channel)
    graph = read_graph(data)
    scales = {
        node.kind: len(graph.tensors[node.inputs[1]].scale) for node in graph.nodes if len(node.inputs) > 1
    }
    assert (scales["CONV_2D"], scales["FULLY_CONNECTED"]) == (convolutions, dense)
    read(data)


def test_a_regression_keeps_its_values(tmp_path: Path) -> None:
    k, rows = keras(), digits()
    k.utils.set_random_seed(3)
    values = (rows.train @ np.linspace(-3, 5, 64)).astype(np.float32)
    model = build([k.layers.Dense(8, activation="relu")], k.layers.Dense(1, name="y_pred"))
    model.fit(rows.train, values, epochs=30, batch_size=64, verbose=0)
    wanted = model.predict(rows.unseen, verbose=0)
    data = convert_int8(model, rows.unseen)
    got = interpreter.load(data).run(rows.unseen)
    assert 1 - np.sum((got - wanted) ** 2) / np.sum((wanted - wanted.mean()) ** 2) > 0.99
    export_network(data, "weight", tmp_path, Options())
    assert (tmp_path / "weight.c").exists()


def test_a_layer_without_an_int8_form_is_refused_by_name() -> None:
    """The converter leaves ELU in float32, with a step down to int8 behind it."""
    layers = keras().layers
    model = build([layers.Dense(4, activation="elu")], layers.Dense(10, activation="softmax"))
    with pytest.raises(TrainingError, match=r"DEQUANTIZE: its tensor '.*' stays FLOAT32; use a layer"):
        convert_int8(model, digits().unseen)


def test_inputs_are_rounded_as_the_c_rounds_them() -> None:
    network = read(convert_int8(trained("dense"), digits().unseen))
    scale, zero_point = network.input_quantization.scale, network.input_quantization.zero_point
    steps = np.array([0, 0.5, -0.5, 1.5, -1.4, 300, -300, np.inf, -np.inf, np.nan], np.float32)
    wanted = np.array([0, 1, -1, 2, -1, 300, -300, 1000, -1000, 0])
    got = interpreter.quantize(np.float32(scale) * steps, scale, zero_point)
    np.testing.assert_array_equal(got, np.clip(wanted + zero_point, -128, 127))
    values = np.arange(-128, 128).astype(np.int8)
    real = interpreter.dequantize(values, scale, zero_point)
    np.testing.assert_array_equal(interpreter.quantize(real, scale, zero_point), values)
