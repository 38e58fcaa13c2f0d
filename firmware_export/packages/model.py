"""What every package is made of, whatever kind the model is of."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.figures import Figures


@dataclass(frozen=True)
class Snippet:
    """A piece of a C program.

    Attributes
    ----------
    buffers : str
        Its static arrays, one a line.
    statements : str
        What it does, indented as a function's body.
    """

    buffers: str
    statements: str


@dataclass(frozen=True)
class PackagedModel:
    """A model's texts, and the facts that packages tell.

    Attributes
    ----------
    name : str
        The model's identifier.
    sentence : str
        What it is, in one sentence without its full stop.
    facts : tuple of str
        What a README says of it, an item each.
    functions : tuple of str
        What a program calls.
    figures : Figures
        What it costs.
    header, source, vectors : str
        Of ``<name>.h``, ``<name>.c``, ``<name>_test_vectors.h``.
    check : Snippet
        Sets ``int wrong`` for the test vector ``row``.
    use : Snippet
        Fills buffers, asks the model, prints the answer.
    tflite : tuple of str, optional
        Header and source of the .tflite as an array; None where the model is none.
    """

    name: str
    sentence: str
    facts: tuple[str, ...]
    functions: tuple[str, ...]
    figures: Figures
    header: str
    source: str
    vectors: str
    check: Snippet
    use: Snippet
    tflite: tuple[str, str] | None = None


def readme(model: PackagedModel) -> str:
    """The README of a package."""
    found = model.figures
    ram = f"{found.scratch:,} bytes of scratch, {found.buffers:,} of buffers, about {found.stack:,} of stack"
    items = [
        *model.facts,
        f"{found.macs:,} multiplications an inference",
        f"Flash: {found.parameters:,} bytes of parameters, about {found.code:,} of code",
        f"RAM: {ram}",
    ]
    return "\n".join(
        [
            f"# {model.name}",
            "",
            f"{model.sentence}.",
            "",
            *(f"- {item}" for item in items),
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

{model.check.buffers}
static int {name}_self_test(void)
{{
  int failures = 0;
  for (int row = 0; row < {upper}_TEST_VECTORS; row++) {{
{model.check.statements}    failures += wrong;
  }}
  return failures;
}}

{main}"""


def example(model: PackagedModel, include: str = "#include <stdio.h>", entry: str = "int main(void)") -> str:
    """A C program that shows the use: values in, answers out."""
    return f"""/* How {model.name} is used: put values in, get answers. */
{include}
#include <stdint.h>

#include "{model.name}.h"

{model.use.buffers}
{entry}
{{
{model.use.statements}  return 0;
}}
"""
