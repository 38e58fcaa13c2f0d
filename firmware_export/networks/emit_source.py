"""The source of a network: the kernels that it needs, its parameters, and the calls in order."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.cprint import comment
from firmware_export.kernels import kernel
from firmware_export.networks import ir
from firmware_export.networks.code import Code, Member
from firmware_export.networks.emit_steps import call, kernel_scratch
from firmware_export.networks.plan import Plan, plan, storage

# Each kernel stands behind those that it builds on.
_ORDER = (
    "requantize",
    "lanes",
    "vectors",
    "widen",
    "dense",
    "fully_connected",
    "four_columns",
    "conv_2d",
    "depthwise_3x3_layer",
    "depthwise_rows",
    "depthwise_3x3",
    "depthwise_conv_2d",
    "pool_2d",
    "lookup",
    "broadcast",
    "add",
    "mul",
    "extremum",
    "reduce",
    "softmax",
    "copy",
    "resize_nearest_neighbor",
)
_IN_VECTORS = frozenset({"widen", "dense", "four_columns", "depthwise_rows"})
"""Kernels with another form, ``<kernel>_mve.c``, for the vector extension."""

_SWITCHES = (
    "SHIFTS",
    "CLAMP",
    "SPLIT",
    "PLAIN",
    "WINDOWS",
    "ODD_ROWS",
    "STRIDE_2",
    "SUBTRACT",
)


@dataclass(frozen=True)
class Source:
    """The text of ``<name>.c``, and what it takes.

    Attributes
    ----------
    text : str
    plan : Plan
    parameter_bytes : int
        Weights, requantisation and tables in flash.
    kernels : tuple of str
        Those that the text holds.
    """

    text: str
    plan: Plan
    parameter_bytes: int
    kernels: tuple[str, ...]


def source(
    network: ir.Network, name: str, labels: tuple[str, ...] = (), *, updatable: bool = False
) -> Source:
    """Write a network as C.

    Parameters
    ----------
    network : Network
    name : str
        The model's identifier.
    labels : tuple of str
        Names of the outputs, for classifiers.
    updatable : bool
        Keep to kernels that hold for any weights of these shapes; the parameters are a symbol of their own.
    """
    layout = plan(network, {i: kernel_scratch(network, step) for i, step in enumerate(network.steps)})
    code = Code(name, updatable)
    calls = _calls(code, network, layout)
    for number, value in network.values.items():
        if value.constant is not None:
            code.array("int8_t", f"value_{number}", value.constant)
    if updatable:
        _add_ends(code)
    upper = name.upper()
    switches = "\n".join(f"#define {upper}_{switch} {code.switches.get(switch, 0)}" for switch in _SWITCHES)
    kernels = "\n".join(_kernel(k, name) for k in _ORDER if k in code.kernels)
    shapes = "\n".join(code.shapes)
    text = f"""/* {name}: see {name}.h, which is the manual. */
#include "{name}.h"

{kernel("prologue", name)}
{kernel("network/alignment", name)}
{switches}

{kernels}
{_parameters(code)}

{shapes}

{_map(layout)}
int {name}_invoke(const int8_t *input, int8_t *output, void *scratch)
{{
{_entry(name, calls, updatable=updatable)}
{calls}
  return 0;
}}

{_ends(name, labels, updatable=updatable)}"""
    return Source(text, layout, sum(member.size for member in code.members), tuple(code.kernels))


def _kernel(operator: str, name: str) -> str:
    text = kernel(f"network/{operator}", name)
    if operator not in _IN_VECTORS:
        return text
    vectors = kernel(f"network/{operator}_mve", name)
    return f"#if {name.upper()}_MVE\n{vectors}#else\n{text}#endif\n"


def _calls(code: Code, network: ir.Network, layout: Plan) -> str:
    roots = storage(network)
    lines = []
    for index, step in enumerate(network.steps):
        if isinstance(step, ir.Reshape):
            continue
        places = tuple(_place(network, layout, roots, i) for i in step.inputs)
        scratch = f"(int16_t *)(void *)(s + {layout.kernel_offsets.get(index, 0)})"
        statements = call(code, network, index, places, _place(network, layout, roots, step.output), scratch)
        lines += [f"  /* {step.label} */", *(f"  {statement}" for statement in statements)]
    if roots[network.output] == roots[network.input]:
        lines.append(f"  memcpy(output, input, {network.values[network.output].size});")
    return "\n".join(lines)


def _place(network: ir.Network, layout: Plan, roots: dict[int, int], number: int) -> str:
    if network.values[number].constant is not None:
        return f"p->value_{number}"
    if roots[number] == roots[network.input]:
        return "input"
    if roots[number] == roots[network.output]:
        return "output"
    return f"s + {layout.offsets[number]}"


def _parameters(code: Code) -> str:
    if not code.members:
        return ""
    members = "\n".join(f"  {member.declaration}" for member in code.members)
    values = ",\n".join(f"  {member.value}" for member in code.members)
    declared = f"extern const struct {code.name}_params {code.name}_params;\n" if code.updatable else ""
    linkage = "const" if code.updatable else "static const"
    exchange = _exchange(code.name) if code.updatable else ""
    return f"""struct {code.name}_params {{
{members}
}};

{declared}{linkage} struct {code.name}_params {code.name}_params = {{
{values}
}};{exchange}"""


def _exchange(name: str) -> str:
    """How other parameters take the place of those that were compiled in."""
    upper = name.upper()
    return f"""

#ifdef {upper}_UPDATABLE
/* These at first; a program may point it at others. */
extern const struct {name}_params *{name}_params_in_use;
extern const size_t {name}_params_size;
const struct {name}_params *{name}_params_in_use = &{name}_params;
const size_t {name}_params_size = sizeof(struct {name}_params);
#define {upper}_PARAMS (*{name}_params_in_use)
#else
#define {upper}_PARAMS {name}_params
#endif"""


def _entry(name: str, calls: str, *, updatable: bool) -> str:
    lines = []
    if "p->" in calls:
        params = f"{name.upper()}_PARAMS" if updatable else f"{name}_params"
        lines.append(f"  const struct {name}_params *const p = &{params};")
    if "s + " in calls:
        lines.append("  int8_t *const s = (int8_t *)scratch;")
    lines.append("  if (input == NULL || output == NULL || scratch == NULL) return -1;")
    lines.append(f"  if (((uintptr_t)scratch & ({name.upper()}_ALIGNMENT - 1)) != 0) return -2;")
    return "\n".join(lines)


def _map(layout: Plan) -> str:
    lines = [f"Scratch: {layout.size} bytes.", ""]
    for block in layout.blocks:
        steps = f"step {block.first}" if block.first == block.last else f"steps {block.first} to {block.last}"
        lines.append(f"{block.offset:7} to {block.offset + block.size:7}: {block.what}, {steps}")
    return comment(lines)


_ENDS = (
    ("STEPS", "half_steps", "HALF_STEPS"),
    ("IN_ZERO", "input_zero", "INPUT_ZERO_POINT"),
    ("OUT_SCALE", "output_scale", "OUTPUT_SCALE"),
    ("OUT_ZERO", "output_zero", "OUTPUT_ZERO_POINT"),
)
"""What quantize and dequantize need: as the kernel calls it, as a parameter, and as the header calls it."""


def _add_ends(code: Code) -> None:
    """Scales and zero points as parameters, in the order of `_ENDS`; their values are in the header."""
    for _, member, macro in _ENDS:
        kind = "float" if "zero" not in member else "int32_t"
        code.members.append(Member(f"{kind} {member};", f"{code.name.upper()}_{macro}", 4))


def _ends(name: str, labels: tuple[str, ...], *, updatable: bool) -> str:
    upper = name.upper()
    values = "\n".join(
        f"#define {upper}_{used} {f'{upper}_PARAMS.{member}' if updatable else f'{upper}_{macro}'}"
        for used, member, macro in _ENDS
    )
    names = ", ".join(f'"{_escaped(label)}"' for label in labels)
    table = f"  static const char *const labels[{len(labels)}] = {{{names}}};\n" if labels else "  (void)i;\n"
    found = f"i < {len(labels)} ? labels[i] : NULL" if labels else "NULL"
    return f"""{values}

{kernel("network/ends", name)}
const char *{name}_label(size_t i)
{{
{table}  return {found};
}}
"""


def _escaped(label: str) -> str:
    plain = label.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(c if " " <= c < "\x7f" else "".join(f"\\{byte:03o}" for byte in c.encode()) for c in plain)
