"""What is refused, with what words; and damaged files."""

from __future__ import annotations

import os
import resource
import signal
import struct
from pathlib import Path

import numpy as np
import pytest

from firmware_export.errors import FirmwareExportError, UnreadableModel, UnsupportedModel
from firmware_export.networks import ir
from firmware_export.networks.dead_channels import clean
from firmware_export.networks.emit_source import source
from firmware_export.networks.exporting import export_network
from firmware_export.networks.read_tflite import OPERATORS, read
from firmware_export.packages.table import Options
from hw_tests.network_shapes import Chain, ds_cnn, resnet_8
from hw_tests.tflite_builder import ModelBuilder
from tests.firmware_export.networks.single import models, one

GOLDEN = Path(__file__).parents[1] / "golden"


def _tail(kind: str, type_: str) -> bytes:
    builder = ModelBuilder()
    x = builder.activation((1, 8), 0.05)
    y = builder.activation((1, 8), 0.05)
    z = builder.activation((1, 8), None, type_=type_)
    axis = [builder.constant(np.array(1, np.int32))] if kind == "ARG_MAX" else []
    builder.operator("RELU", [x], [y])
    builder.operator(kind, [y, *axis], [z])
    return builder.finish([x], [z])


def test_a_trailing_arg_max_or_dequantize_is_refused_with_advice() -> None:
    with pytest.raises(UnsupportedModel, match="operator 1, ARG_MAX version 1, at the end: leave it out"):
        read(_tail("ARG_MAX", "INT32"))
    with pytest.raises(UnsupportedModel, match=r"operator 1, DEQUANTIZE version 1.*inference_output_type"):
        read(_tail("DEQUANTIZE", "FLOAT32"))


def test_a_float_model_is_refused() -> None:
    builder = ModelBuilder()
    x, y = (builder.activation((1, 8), None, type_="FLOAT32") for _ in range(2))
    builder.operator("RELU", [x], [y])
    with pytest.raises(UnsupportedModel, match="input is FLOAT32; quantize it to int8, input included"):
        read(builder.finish([x], [y]))


def test_a_hybrid_model_is_refused() -> None:
    builder = ModelBuilder()
    x, y = builder.activation((1, 8), 0.05), builder.activation((1, 4), 0.05)
    weights = builder.constant(np.ones((4, 8), np.float32))
    builder.operator("FULLY_CONNECTED", [x, weights, -1], [y])
    with pytest.raises(UnsupportedModel, match=r"operator 0, FULLY_CONNECTED version 1.*FLOAT32.*hybrid"):
        read(builder.finish([x], [y]))


def _conv_of(shape: tuple[int, ...]) -> bytes:
    weights = (np.ones((1, 1, 1, 1), np.int8), [0.01], None, 0), (np.zeros(1, np.int32), [0.0005])
    return one("CONV_2D", (shape, 0.05, 0), (shape, 0.05, 0), *weights, version=3, StrideW=1, StrideH=1)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            one("RELU", ((1, 8), 0.05, 0), ((1, 8), 0.05, 0), version=9),
            r"RELU version 9 of INT8: only versions up to",
        ),
        (
            one("ABS", ((1, 8), 0.05, 0), ((1, 8), 0.05, 0)),
            "operator 0, ABS version 1 of INT8: the operator is not",
        ),
        (one("RELU6", ((1, 8), 0.05, 0), ((1, 8), 0.04, 0)), "must share scale and zero point"),
        (_conv_of((2, 4, 4, 1)), "operator 0, CONV_2D version 3 of INT8, INT8, INT32: a batch of 2; only 1"),
        (_conv_of((1, -1, 4, 1)), r"tensor 0 .* has the shape \[1, -1, 4, 1\]: sizes must be known"),
        (_conv_of((1, 0, 4, 1)), r"tensor 0 .* has the shape \[1, 0, 4, 1\]: sizes must be known"),
        (one("RELU", ((1, 8), 0.05, 0), ((1, 9), 0.05, 0)), "shapes do not fit"),
    ],
)
def test_refusals_name_operator_index_version_and_type(model: bytes, words: str) -> None:
    with pytest.raises(UnsupportedModel, match=words):
        read(model)


def test_every_supported_operator_has_a_model_in_the_tests() -> None:
    seen = {name for model in models().values() for name in read(model).operators}
    assert set(OPERATORS) == seen


def test_shape_arithmetic_is_folded() -> None:
    builder = ModelBuilder()
    x, y = builder.activation((1, 4, 6), 0.05), builder.activation((1, 24), 0.05)
    shape = builder.activation((3,), None, type_="INT32")
    part = builder.activation((1,), None, type_="INT32")
    joined = builder.activation((2,), None, type_="INT32")
    bounds = [builder.constant(np.array([v], np.int32)) for v in (0, 1, 1)]
    rest = builder.constant(np.array([24], np.int32))
    builder.operator("SHAPE", [x], [shape])
    builder.operator("STRIDED_SLICE", [shape, *bounds], [part])
    builder.operator("PACK", [part, rest], [joined])
    builder.operator("RESHAPE", [x, joined], [y])
    network = read(builder.finish([x], [y]))
    assert [type(step) for step in network.steps] == [ir.Reshape]


def test_constants_are_folded() -> None:
    builder = ModelBuilder()
    x, y = builder.activation((1, 4), 0.05), builder.activation((1, 4), 0.1)
    a = builder.constant(np.array([[1, 2, 3, 4]], np.int8), [0.05], [0])
    b = builder.activation((1, 4), 0.05)
    builder.operator("RELU", [a], [b])
    builder.operator("ADD", [x, b], [y], 2)
    network = read(builder.finish([x], [y]))
    assert [type(step) for step in network.steps] == [ir.Add]


def test_dequantize_before_quantize_becomes_one_table() -> None:
    builder = ModelBuilder()
    x, y = builder.activation((1, 300), 0.05, 3), builder.activation((1, 300), 0.07, -9)
    real = builder.activation((1, 300), None, type_="FLOAT32")
    builder.operator("DEQUANTIZE", [x], [real], 2)
    builder.operator("QUANTIZE", [real], [y])
    network = read(builder.finish([x], [y]))
    assert [type(step) for step in network.steps] == [ir.Lookup]


def test_no_tflite_file() -> None:
    for data in (b"", b"TFL3", bytes(100), b"\x00" * 4 + b"TFL3" + b"\xff" * 64):
        with pytest.raises(UnreadableModel):
            read(data)


def test_no_beginning_of_a_file_is_taken_for_a_file() -> None:
    whole = tiny()
    assert read(whole).operators == ("FULLY_CONNECTED", "RELU")
    for end in range(len(whole) - 8):  # the last bytes may be padding
        with pytest.raises(UnreadableModel):
            read(whole[:end])


_HANGS_AFTER_S = 120
"""By then SIGALRM ends the run; a file takes milliseconds."""


def _mutated(original: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(original)
    for _ in range(int(rng.integers(1, 6))):
        kind, at = int(rng.integers(0, 5)), int(rng.integers(0, max(1, len(data) - 8)))
        if kind == 0:
            data[at] = int(rng.integers(0, 256))
        elif kind == 1:
            struct.pack_into("<I", data, at, int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, len(data), 4])))
        elif kind == 2:
            data[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 3 and len(data) > 64:
            del data[at : at + int(rng.integers(1, 32))]
        else:
            data[at:at] = data[at // 2 : at // 2 + int(rng.integers(1, 32))]
    return bytes(data)


def _fuzz(count: int, seed: int) -> None:
    """Mutated files end in a network, or in an error of the exporter's own, soon and in little memory."""
    rng = np.random.default_rng(seed)
    originals = [model for model in models().values() if len(model) < 6000]
    originals.append(
        Chain((1, 9, 9, 2), 7).conv(4, (3, 3)).depthwise().average().dense(3, 0).softmax().finish()
    )
    most_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + (1 << 20)
    try:
        for _ in range(count):
            signal.alarm(_HANGS_AFTER_S)
            data = _mutated(originals[int(rng.integers(len(originals)))], rng)
            try:
                network = read(data)
                if sum(value.size for value in network.values.values()) < 100_000:
                    source(clean(network), "net")
            except FirmwareExportError:
                pass
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < most_kib
    finally:
        signal.alarm(0)


def test_mutated_files_do_no_harm() -> None:
    _fuzz(1500, seed=1)


@pytest.mark.campaign
def test_a_hundred_thousand_mutated_files_do_no_harm() -> None:
    _fuzz(100_000, seed=int(os.environ.get("CAMPAIGN_SEED", "2")))


def test_the_same_bytes_each_time() -> None:
    for model in (ds_cnn(), resnet_8()):
        assert source(read(model), "net").text == source(read(model), "net").text


def tiny() -> bytes:
    """A model small enough to be read as C."""
    builder = ModelBuilder()
    x, y, z = (
        builder.activation((1, 4), 0.5, -1),
        builder.activation((1, 2), 0.25, 3),
        builder.activation((1, 2), 0.25, 3),
    )
    weights = builder.constant(np.array([[1, -2, 3, -4], [5, 6, -7, 8]], np.int8), [0.125])
    bias = builder.constant(np.array([10, -20], np.int32), [0.0625])
    builder.operator("FULLY_CONNECTED", [x, weights, bias], [y])
    builder.operator("RELU", [y], [z])
    return builder.finish([x], [z])


def test_the_text_is_the_golden_text(tmp_path: Path) -> None:
    _, written = export_network(tiny(), "tiny_net", tmp_path, Options(labels=("low", "high")))
    for path in written:
        assert path.read_text() == (GOLDEN / path.name).read_text(), path.name
