"""Running a .tflite file, with whichever interpreter works in this process.

Rows go through one by one: the files are of batch 1, as microcontrollers run them.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.errors import Unavailable

FloatRows = npt.NDArray[np.float32]

_RUNTIMES = {
    "tensorflow": ("tensorflow.lite.python.interpreter", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
    "tflite-runtime": ("tflite_runtime.interpreter", "BUILTIN_REF"),
    "ai-edge-litert": ("ai_edge_litert.interpreter", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
}
"""Package to module, and the kernels to run int8 files with: those nearest to TensorFlow Lite Micro.
tflite-runtime's equal it, and so the exported C, bit for bit; the others' are a few steps off in a few rows
of a thousand, far nearer than their defaults."""


class Network:
    """A network that is ready to run.

    Parameters
    ----------
    interpreter : Interpreter
        Of one of the runtimes, its tensors allocated; one input, one output.
    runtime : str
        The package that it is from.
    """

    def __init__(self, interpreter: Any, runtime: str) -> None:
        self._interpreter = interpreter
        self.runtime = runtime
        self._input = interpreter.get_input_details()[0]
        self._output = interpreter.get_output_details()[0]

    @property
    def is_int8(self) -> bool:
        """Whether input and output are int8."""
        return bool(self._input["dtype"] is np.int8)

    def run(self, rows: FloatRows) -> FloatRows:
        """Outputs of rows, in real values.

        Parameters
        ----------
        rows : (n, *input) float32
            Inputs in real values; what an int8 network is given is rounded as its C rounds it.

        Returns
        -------
        (n, *output) float32
        """
        if not self.is_int8:
            return self._run(np.asarray(rows, np.float32))
        return dequantize(self._run(quantize(rows, *_scale(self._input))), *_scale(self._output))

    def _run(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shape = tuple(self._input["shape"])
        outputs = np.empty((len(rows), *self._output["shape"][1:]), self._output["dtype"])
        for index, row in enumerate(rows):
            self._interpreter.set_tensor(self._input["index"], row.reshape(shape))
            self._interpreter.invoke()
            outputs[index] = self._interpreter.get_tensor(self._output["index"])[0]
        return outputs


def load(data: bytes) -> Network:
    """Get a .tflite file ready to run.

    Where TensorFlow is loaded, its own interpreter runs it: the native libraries of the others do not get
    along with it. Where it is not, it is not imported for that.

    Parameters
    ----------
    data : bytes
        The file, as `daemon.quantize.network` makes it; what others made is verified by
        `firmware_export.networks.read_tflite` first.

    Raises
    ------
    Unavailable
        No interpreter is installed that works here.
    """
    runtimes = ["tensorflow"] if "tensorflow" in sys.modules else ["tflite-runtime", "ai-edge-litert"]
    for runtime in runtimes:
        name, int8_kernels = _RUNTIMES[runtime]
        try:
            # One that was built against another numpy can be imported, and fails when it is opened.
            return Network(_open(importlib.import_module(name), data, int8_kernels), runtime)
        except (ImportError, SystemError):
            continue
    raise Unavailable("no interpreter of .tflite files works here: pip install ai-edge-litert")


def quantize(rows: npt.ArrayLike, scale: float, zero_point: int) -> npt.NDArray[np.int8]:
    """Real values as int8, as the exported C does it: times the reciprocal, halves away from zero, saturated.

    Parameters
    ----------
    rows : array of float
        NaN gives the zero point.
    scale, zero_point
        Of the input.
    """
    half_steps = np.float32(2) * (np.float32(1) / np.float32(scale))
    halves = np.nan_to_num(np.asarray(rows, np.float32) * half_steps, posinf=1024, neginf=-1024)
    whole = np.clip(halves, -1024, 1024).astype(np.int32)
    steps = np.sign(whole) * ((np.abs(whole) + 1) >> 1)
    return np.asarray(np.clip(steps + zero_point, -128, 127), np.int8)


def dequantize(rows: npt.NDArray[np.int8], scale: float, zero_point: int) -> FloatRows:
    """Integers as the real values that they stand for."""
    return (rows.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)


def _open(module: Any, data: bytes, int8_kernels: str) -> Any:
    with warnings.catch_warnings():
        # TensorFlow's says that it will be gone one day; the range of versions in pyproject.toml has it.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated", category=UserWarning)
        interpreter = module.Interpreter(model_content=data, num_threads=1)
        if interpreter.get_input_details()[0]["dtype"] is np.int8:
            kernels = getattr(module.OpResolverType, int8_kernels)
            interpreter = module.Interpreter(
                model_content=data, num_threads=1, experimental_op_resolver_type=kernels
            )
    interpreter.allocate_tensors()
    return interpreter


def _scale(detail: dict[str, Any]) -> tuple[float, int]:
    scale, zero_point = detail["quantization"]
    return float(scale), int(zero_point)
