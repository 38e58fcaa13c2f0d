"""The two runtimes that the C must equal: TensorFlow Lite's reference kernels, and TFLM itself.

Neither is to be had for every Python; `RUNTIMES` holds those that are. The NumPy network, which is held
against both, stands in elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]


def tensorflow_lite(model: bytes, rows: Int8) -> Int8:
    """tflite-runtime 2.14.0 with its reference kernels; rows (n, input length) -> (n, output length)."""
    from tflite_runtime.interpreter import Interpreter, OpResolverType

    interpreter: Any = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    out = []
    for row in rows:
        interpreter.set_tensor(source["index"], row.reshape(source["shape"]))
        interpreter.invoke()
        out.append(interpreter.get_tensor(result["index"]).reshape(-1).copy())
    return np.stack(out)


def tensorflow_lite_micro(model: bytes, rows: Int8) -> Int8:
    """TFLM, from its wheel."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter: Any = runtime.Interpreter.from_bytes(model, arena_size=4 << 20)
    shape = interpreter.get_input_details(0)["shape"]
    out = []
    for row in rows:
        interpreter.set_input(row.reshape(shape), 0)
        interpreter.invoke()
        out.append(interpreter.get_output(0).reshape(-1).copy())
    return np.stack(out)


RUNTIMES: dict[str, Callable[[bytes, Int8], Int8]] = {}
# Imported while tests are collected: once a test has loaded TensorFlow, these native libraries break.
if sys.version_info < (3, 12):
    import_module("tflite_runtime.interpreter")
    RUNTIMES["tflite-runtime"] = tensorflow_lite
if sys.version_info[:2] == (3, 11):
    import_module("tflite_micro.python.tflite_micro.runtime")
    RUNTIMES["tflite-micro"] = tensorflow_lite_micro
