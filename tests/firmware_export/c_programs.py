"""Programs around generated C: compile them, feed them rows, read what they answer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from daemon.quantize.anomaly import IntegerModel
from firmware_export.anomaly import export

STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")

_PROGRAM = r"""
#include <stdio.h>
#include <string.h>
{includes}

#define ANSWER(name, NAME) \
  static int name##_answer(void) {{ \
    float features[NAME##_INPUT_LEN], score; \
    name##_in_t inputs[NAME##_INPUT_LEN]; \
    int32_t numbers[2], q[NAME##_INPUT_LEN]; \
    if (fread(features, sizeof features, 1, stdin) != 1) return 1; \
    name##_quantize(features, inputs); \
    for (size_t i = 0; i < NAME##_INPUT_LEN; ++i) q[i] = inputs[i]; \
    numbers[0] = name##_score_q(inputs); \
    numbers[1] = name##_is_anomaly(features); \
    score = name##_score(features); \
    fwrite(q, sizeof q, 1, stdout); \
    fwrite(numbers, sizeof numbers, 1, stdout); \
    fwrite(&score, sizeof score, 1, stdout); \
    return 0; \
  }}

{answers}

/* One row for each model in turn, until there are no more. */
int main(void) {{
  for (;;) {{
{calls}
  }}
}}
"""


@dataclass(frozen=True)
class Exported:
    """A model with its C.

    Attributes
    ----------
    name : str
    model : IntegerModel
        The oracle.
    source : Path
    """

    name: str
    model: IntegerModel
    source: Path


def export_as(name: str, model: IntegerModel, folder: Path) -> Exported:
    """Write the C of a model into a folder."""
    model.save(folder / f"{name}.npz")
    _, source = export(folder / f"{name}.npz", name, folder)
    return Exported(name, model, source)


def compiled(command: Sequence[str], models: Iterable[Exported], program: Path) -> Path:
    """Compile a program that answers for all the models."""
    every = list(models)
    main = program.with_suffix(".c")
    main.write_text(
        _PROGRAM.format(
            includes="\n".join(f'#include "{one.name}.h"' for one in every),
            answers="\n".join(f"ANSWER({one.name}, {one.name.upper()})" for one in every),
            calls="\n".join(f"    if ({one.name}_answer()) return 0;" for one in every),
        )
    )
    sources = [str(main), *(str(one.source) for one in every)]
    subprocess.run(
        [*command, *STRICT, f"-I{every[0].source.parent}", *sources, "-o", str(program)], check=True
    )
    return program


def assert_equal_to_oracles(
    program: Path, models: Sequence[Exported], rows: Sequence[npt.NDArray[np.float32]]
) -> None:
    """Run a program on rows for each model; every number must be the oracle's, bit for bit."""
    interleaved = b"".join(row.tobytes() for turn in zip(*rows, strict=True) for row in turn)
    answer = subprocess.run([str(program)], input=interleaved, capture_output=True, check=True).stdout
    kind = np.dtype(
        [
            (
                one.name,
                [("q", "<i4", (block.shape[1],)), ("score_q", "<i4"), ("flag", "<i4"), ("score", "<f4")],
            )
            for one, block in zip(models, rows, strict=True)
        ]
    )
    table = np.frombuffer(answer, dtype=kind)
    for one, block in zip(models, rows, strict=True):
        got, q = table[one.name], one.model.quantize(block)
        assert (got["q"].reshape(q.shape) == q).all(), one.name
        assert (got["score_q"] == one.model.score_q(q)).all(), one.name
        assert (got["flag"] == one.model.is_anomaly(block)).all(), one.name
        assert (got["score"].view("<u4") == one.model.score(block).view("<u4")).all(), one.name
