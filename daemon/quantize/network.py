"""A Keras network to .tflite files: float32, and int8 throughout.

Both are made of a function of batch 1 whose variables are frozen: a batch that is left open would put shape
arithmetic into the file that no microcontroller runs, and a whole Keras model takes several times longer.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.errors import TrainingError
from firmware_export.networks.tflite_graph import Graph, read_graph

FloatRows = npt.NDArray[np.float32]

PER_CHANNEL = ("convolutions", "everything", "nothing")
"""Which weights get a scale for each output channel, the default first. Dense layers have one scale for all
where nobody asks: older runtimes of microcontrollers refuse more, and it rarely helps them."""

CALIBRATION_ROWS = 500
"""Rows that ranges are taken from, at most: more change them little and cost time."""

_INT8_FILE_TYPES = ("INT8", "INT32")
"""What a tensor of an int8 file may be: values and weights, and biases and shapes."""


def convert_float(model: Any) -> bytes:
    """The float32 .tflite file of a model.

    Parameters
    ----------
    model : tf_keras.Model
        Built, with one input and one output.
    """
    return _convert(_converter(model))


def convert_int8(model: Any, representative: FloatRows, *, per_channel: str = PER_CHANNEL[0]) -> bytes:
    """The .tflite file of a model in which every tensor is an integer, input and output included.

    Parameters
    ----------
    model : tf_keras.Model
        Built, with one input and one output; fake quantization that it holds sets the ranges.
    representative : (n, *input) float32
        Rows as the device will see them, at least one; evenly spread ones of them set the ranges.
    per_channel : str
        One of `PER_CHANNEL`.

    Raises
    ------
    TrainingError
        The model's values cannot be put on an int8 scale, or it holds an operator without an int8 form; the
        message names the tensor.
    """
    import tensorflow as tf

    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _calibration(representative)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # Names of the converter's own: no public ones exist.
    converter._experimental_disable_per_channel = per_channel == "nothing"  # noqa: SLF001
    converter._experimental_disable_per_channel_quantization_for_dense_layers = (  # noqa: SLF001
        per_channel != "everything"
    )
    data = _convert(converter)
    check_all_int8(read_graph(data))
    return data


def check_all_int8(graph: Graph) -> None:
    """Raise TrainingError where a tensor of a quantized file is no integer."""
    for node in graph.nodes:
        for index in (*node.inputs, *node.outputs):
            if index >= 0 and graph.tensors[index].type not in _INT8_FILE_TYPES:
                tensor = graph.tensors[index]
                raise TrainingError(
                    f"no int8 form of operator {node.index}, {node.kind}: its tensor {tensor.name!r} stays "
                    f"{tensor.type}; use a layer that has one",
                    stage="quantize",
                )


def _converter(model: Any) -> Any:
    import tensorflow as tf

    source = model.inputs[0]
    call = tf.function(lambda rows: model(rows, training=False), autograph=False)
    traced = call.get_concrete_function(tf.TensorSpec((1, *source.shape[1:]), source.dtype, name="input"))
    # The function in place of the object that owns its variables: they are frozen, no SavedModel is written.
    return tf.lite.TFLiteConverter.from_concrete_functions([traced], traced)


def _convert(converter: Any) -> bytes:
    with warnings.catch_warnings():
        # It expects statistics of an integer input beside the rows that tell them.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
        data: bytes = converter.convert()
    return data


def _calibration(rows: FloatRows) -> Iterator[list[FloatRows]]:
    """Batches of one row."""
    count = min(CALIBRATION_ROWS, len(rows))
    for index in np.linspace(0, len(rows) - 1, count).astype(np.intp):
        yield [rows[index : index + 1].astype(np.float32, copy=False)]
