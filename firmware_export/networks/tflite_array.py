"""The .tflite file itself as C, for projects that run TensorFlow Lite for Microcontrollers."""

from __future__ import annotations

from firmware_export.cprint import comment
from firmware_export.networks import ir
from firmware_export.networks.plan import plan

# TFLM keeps structures beside the activations; sizes of 64-bit hosts, which boards stay below.
_BASE, _PER_VALUE, _PER_STEP = 4096, 160, 512


def arena_bytes(network: ir.Network) -> int:
    """An arena that is large enough: TFLM's own structures differ from release to release.

    Activations need at least what our plan needs, with inputs and outputs inside and without steps in
    place; the rest is structures, and per-channel tables of convolutions.
    """
    sizes = [value.size for value in network.values.values() if value.constant is None]
    live = max(
        (sum(network.values[i].size for i in (*step.inputs, step.output)) for step in network.steps),
        default=0,
    )
    planned = (
        plan(network, {}).size + network.values[network.input].size + network.values[network.output].size
    )
    channels = sum(
        8 * len(step.bias) for step in network.steps if isinstance(step, (ir.Convolution, ir.Depthwise))
    )
    working = 4 * max(sizes, default=0)
    activations = max(planned, live) + max(sizes, default=0)
    total = (
        _BASE
        + activations
        + channels
        + min(working, 65536)
        + _PER_VALUE * len(sizes)
        + _PER_STEP * len(network.steps)
    )
    return -(-total // 1024) * 1024


def tflite_array(data: bytes, network: ir.Network, name: str) -> tuple[str, str]:
    """Header and source with the file as an aligned array.

    Parameters
    ----------
    data : bytes
        The .tflite file.
    network : Network
        What was read from it.
    name : str
        The model's identifier.
    """
    upper = name.upper()
    operators = ", ".join(network.operators)
    manual = comment(
        [
            f"{name} for TensorFlow Lite for Microcontrollers.",
            f"Operators to register: {operators}.",
            "The arena size is enough for any release known; arena_used_bytes() says what yours takes.",
        ]
    )
    calls = "\n".join(f" *   resolver.Add{_camel(op)}();" for op in network.operators)
    header = f"""{manual}
#ifndef {upper}_TFLITE_H
#define {upper}_TFLITE_H

#include <stdint.h>

/* tflite::MicroMutableOpResolver<{len(network.operators)}> resolver;
{calls}
 */
#define {upper}_TFLITE_OPERATORS {len(network.operators)}
#define {upper}_TFLITE_ARENA_BYTES {arena_bytes(network)}
#define {upper}_TFLITE_BYTES {len(data)}

#ifdef __cplusplus
extern "C" {{
#endif

extern const uint8_t {name}_tflite[{upper}_TFLITE_BYTES];

#ifdef __cplusplus
}}
#endif

#endif
"""
    lines = "\n".join(
        "  " + ", ".join(map(str, data[start : start + 24])) + "," for start in range(0, len(data), 24)
    )
    text = f"""/* {name} for TensorFlow Lite for Microcontrollers, see {name}_tflite.h. */
#include "{name}_tflite.h"

#if defined(__GNUC__)
__attribute__((aligned(16)))
#endif
const uint8_t {name}_tflite[{upper}_TFLITE_BYTES] = {{
{lines}
}};
"""
    return header, text


_NAMES = {
    "CONV_2D": "Conv2D",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2D",
    "AVERAGE_POOL_2D": "AveragePool2D",
    "MAX_POOL_2D": "MaxPool2D",
    "PADV2": "PadV2",
}


def _camel(operator: str) -> str:
    return _NAMES.get(operator, operator.title().replace("_", ""))
