"""The header of a network, which is its manual."""

from __future__ import annotations

import numpy as np

from firmware_export.cprint import comment, float_literal
from firmware_export.networks import ir

_SCRATCH = "Bytes of working memory that invoke needs, exactly; aligned to 8."
_EQUAL = (
    "Equal, bit for bit, to TensorFlow Lite Micro on the same int8 input, on every core, with every compiler."
)
_THREADS = "No heap, no files, no written globals. Threads may call at once, each with its own scratch."
_INVOKE = (
    "Runs the network. 0, or -1 where a pointer is NULL, or -2 where scratch is not aligned. "
    "Buffers must not overlap."
)


def header(network: ir.Network, name: str, scratch: int) -> str:
    """The text of ``<name>.h``.

    Parameters
    ----------
    network : Network
    name : str
        The model's identifier.
    scratch : int
        Bytes of scratch.
    """
    upper = name.upper()
    source, result = network.input_quantization, network.output_quantization
    manual = comment(
        [
            f"{name}: an int8 network. Operators: {', '.join(network.operators)}.",
            f"Input {_shape(network.shape(network.input))}, output {_shape(network.shape(network.output))}.",
            "",
            "Use:",
            f"  static int8_t input[{upper}_INPUT_LEN], output[{upper}_OUTPUT_LEN];",
            f"  static uint64_t scratch[({upper}_SCRATCH_BYTES + 7) / 8];",
            f"  {name}_quantize(values, input);",
            f"  {name}_invoke(input, output, scratch);",
            "",
            _EQUAL,
            _THREADS,
        ]
    )
    reciprocal = np.float32(2.0) * (np.float32(1.0) / np.float32(source.scale))
    return f"""{manual}
#ifndef {upper}_H
#define {upper}_H

#include <stddef.h>
#include <stdint.h>

{comment(["Numbers in and out, in the order of the model's own tensors."])}
#define {upper}_INPUT_LEN {network.values[network.input].size}
#define {upper}_OUTPUT_LEN {network.values[network.output].size}

{comment([_SCRATCH])}
#define {upper}_SCRATCH_BYTES {max(scratch, 1)}

{comment(["value = (number - zero point) * scale; half steps: input steps per unit of a value, doubled."])}
#define {upper}_INPUT_SCALE {float_literal(source.scale)}
#define {upper}_INPUT_ZERO_POINT {_signed(source.zero_point)}
#define {upper}_OUTPUT_SCALE {float_literal(result.scale)}
#define {upper}_OUTPUT_ZERO_POINT {_signed(result.zero_point)}
#define {upper}_HALF_STEPS {float_literal(float(reciprocal))}

#ifdef __cplusplus
extern "C" {{
#endif

{comment([_INVOKE])}
int {name}_invoke(const int8_t *input, int8_t *output, void *scratch);

{comment([f"{upper}_INPUT_LEN values to inputs: to the nearest step, halves away from zero, saturated."])}
void {name}_quantize(const float *values, int8_t *input);

{comment([f"{upper}_OUTPUT_LEN outputs to real values."])}
void {name}_dequantize(const int8_t *output, float *scores);

{comment(["What output i stands for; NULL past the end, and where the model has no labels."])}
const char *{name}_label(size_t i);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _signed(value: int) -> str:
    return f"({value})" if value < 0 else str(value)
