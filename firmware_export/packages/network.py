"""A network as what packages are made of."""

from __future__ import annotations

from firmware_export.figures import Figures
from firmware_export.networks import ir
from firmware_export.packages.model import PackagedModel, Snippet


def package_network(
    network: ir.Network,
    name: str,
    figures: Figures,
    labels: tuple[str, ...],
    *,
    header: str,
    source: str,
    vectors: str,
    tflite: tuple[str, str] | None,
) -> PackagedModel:
    """Put a network's texts and facts together.

    Parameters
    ----------
    network : Network
    name : str
        The model's identifier.
    figures : Figures
        What it costs.
    labels : tuple of str
        Names of the outputs; none where it is no classifier.
    header, source, vectors, tflite
        The texts.
    """
    return PackagedModel(
        name=name,
        sentence="An int8 neural network as C, equal bit for bit to TensorFlow Lite Micro",
        facts=_facts(network, labels),
        functions=tuple(f"{name}_{what}" for what in ("invoke", "quantize", "dequantize", "label")),
        figures=figures,
        header=header,
        source=source,
        vectors=vectors,
        check=_check(name),
        use=_use(name),
        tflite=tflite,
    )


def _facts(network: ir.Network, labels: tuple[str, ...]) -> tuple[str, ...]:
    scales = [
        f"{what}: {' x '.join(map(str, network.shape(number)))} int8, "
        f"value = (number - {how.zero_point}) * {how.scale:.9g}"
        for what, number, how in (
            ("Input", network.input, network.input_quantization),
            ("Output", network.output, network.output_quantization),
        )
    ]
    named = [f"Labels: {', '.join(labels)}"] if labels else []
    return (*scales, *named, f"Operators: {', '.join(network.operators)}")


def _scratch(upper: str) -> str:
    return f"static uint64_t scratch[({upper}_SCRATCH_BYTES + 7) / 8];\n"


def _check(name: str) -> Snippet:
    upper = name.upper()
    return Snippet(
        f"static int8_t output[{upper}_OUTPUT_LEN];\n{_scratch(upper)}",
        f"""    int wrong = {name}_invoke({name}_test_inputs[row], output, scratch) != 0;
    for (size_t i = 0; i < {upper}_OUTPUT_LEN; i++) wrong |= output[i] != {name}_test_outputs[row][i];
""",
    )


def _use(name: str) -> Snippet:
    upper = name.upper()
    return Snippet(
        f"""static float values[{upper}_INPUT_LEN];
static float scores[{upper}_OUTPUT_LEN];
static int8_t input[{upper}_INPUT_LEN], output[{upper}_OUTPUT_LEN];
{_scratch(upper)}""",
        f"""  /* Fill values with what the model was trained on, in its order and units. */
  {name}_quantize(values, input);
  if ({name}_invoke(input, output, scratch) != 0) return 1;
  {name}_dequantize(output, scores);
  for (size_t i = 0; i < {upper}_OUTPUT_LEN; i++) {{
    const char *label = {name}_label(i);
    printf("%s %d/1000\\n", label != NULL ? label : "output", (int)(scores[i] * 1000.0f));
  }}
""",
    )
