"""What every package is made of."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.networks import ir
from firmware_export.networks.figures import Figures


@dataclass(frozen=True)
class PackagedModel:
    """A model's texts, and the facts that packages tell.

    Attributes
    ----------
    name : str
        The model's identifier.
    header, source, vectors : str
        Of ``<name>.h``, ``<name>.c``, ``<name>_test_vectors.h``.
    tflite : tuple of str, optional
        Header and source of the .tflite as an array.
    labels : tuple of str
        Names of the outputs; none where it is no classifier.
    """

    name: str
    header: str
    source: str
    vectors: str
    tflite: tuple[str, str] | None
    network: ir.Network
    figures: Figures
    labels: tuple[str, ...]


def facts(model: PackagedModel) -> str:
    """What a README says of the model."""
    network, found = model.network, model.figures
    scales = [
        f"- {what}: {' x '.join(map(str, network.shape(number)))} int8, "
        f"value = (number - {how.zero_point}) * {how.scale:.9g}"
        for what, number, how in (
            ("Input", network.input, network.input_quantization),
            ("Output", network.output, network.output_quantization),
        )
    ]
    labels = [f"- Labels: {', '.join(model.labels)}"] if model.labels else []
    return "\n".join(
        [
            f"# {model.name}",
            "",
            "An int8 neural network as self-contained C99, equal bit for bit to TensorFlow Lite Micro.",
            "",
            *scales,
            *labels,
            f"- Operators: {', '.join(network.operators)}",
            f"- {found.macs:,} multiplications an inference",
            f"- Flash: {found.parameters:,} bytes of parameters, about {found.code:,} of code",
            f"- RAM: {found.scratch:,} bytes of scratch, and the input and output buffers",
            "",
            f"The header `{model.name}.h` is the manual. The self-test runs the test vectors: none may fail.",
            "",
        ]
    )


def self_test(model: PackagedModel, *, report: str, main: str) -> str:
    """A C program that runs the test vectors; `report` prints `failures`, `main` is its entry."""
    name, upper = model.name, model.name.upper()
    return f"""/* Runs the test vectors of {name}: every output must be right, bit for bit. */
{report}#include <stdint.h>

#include "{name}.h"
#include "{name}_test_vectors.h"

static int8_t output[{upper}_OUTPUT_LEN];
static uint64_t scratch[({upper}_SCRATCH_BYTES + 7) / 8];

static int {name}_self_test(void)
{{
  int failures = 0;
  for (int row = 0; row < {upper}_TEST_VECTORS; row++) {{
    int wrong = {name}_invoke({name}_test_inputs[row], output, scratch) != 0;
    for (size_t i = 0; i < {upper}_OUTPUT_LEN; i++) wrong |= output[i] != {name}_test_outputs[row][i];
    failures += wrong;
  }}
  return failures;
}}

{main}"""


def example(model: PackagedModel, include: str = "#include <stdio.h>", entry: str = "int main(void)") -> str:
    """A C program that shows the use: values in, scores out."""
    name, upper = model.name, model.name.upper()
    return f"""/* How {name} is used: put values in, get scores. */
{include}
#include <stdint.h>

#include "{name}.h"

static float values[{upper}_INPUT_LEN];
static float scores[{upper}_OUTPUT_LEN];
static int8_t input[{upper}_INPUT_LEN], output[{upper}_OUTPUT_LEN];
static uint64_t scratch[({upper}_SCRATCH_BYTES + 7) / 8];

{entry}
{{
  /* Fill values with what the model was trained on, in its order and units. */
  {name}_quantize(values, input);
  if ({name}_invoke(input, output, scratch) != 0) return 1;
  {name}_dequantize(output, scores);
  for (size_t i = 0; i < {upper}_OUTPUT_LEN; i++) {{
    const char *label = {name}_label(i);
    printf("%s %d/1000\\n", label != NULL ? label : "output", (int)(scores[i] * 1000.0f));
  }}
  return 0;
}}
"""
