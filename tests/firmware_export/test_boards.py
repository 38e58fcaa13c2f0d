"""Emulated boards give the same bits: Cortex-M0, M3, M4F, M7 and M55."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from daemon.quantize.anomaly import quantize
from firmware_export.anomaly import export
from firmware_export.ir import TestVectors
from hw_tests.boards import BOARDS, SUPPORT, build, run
from tests.firmware_export.c_programs import STRICT
from tests.quantize.models import hard_rows, model_of

# What fits the 16 KiB of RAM and 256 KiB of flash of the smallest board.
ROWS = 60

FLAGS = {
    "M0": ("-Os", "-O2"),
    "M3": ("-Os", "-O2"),
    "M4F": ("-O0", "-Os", "-O3"),
    "M7": ("-O2", "-O3"),
    "M55": ("-Os", "-O3"),
}


def write_models(shape: tuple[int, int], folder: Path) -> list[Path]:
    """Sources of a model of each kind and width, and ``check_vectors.h`` with their vectors."""
    names, sources = [], []
    for kind, bits in itertools.product(("kmeans", "gmm"), (8, 16)):
        model, rows = model_of(kind, *shape, seed=sum(shape))
        integer = quantize(model, rows, bits=bits, headroom=2.0)
        features = hard_rows(rows, ROWS)
        features = features[np.isfinite(features).all(axis=1)]
        inputs = integer.quantize(features)
        name = f"{kind}_{bits}"
        integer.save(folder / f"{name}.npz")
        vectors = TestVectors(features, inputs, integer.score_q(inputs), integer.is_anomaly(features))
        sources.append(export(folder / f"{name}.npz", name, folder, vectors)[1])
        names.append(name)
    includes = "".join(f'#include "{name}_test_vectors.h"\n' for name in names)
    listed = " ".join(f"DO({name}, {name.upper()})" for name in names)
    (folder / "check_vectors.h").write_text(f"{includes}\n#define MODELS(DO) {listed}\n")
    return sources


@pytest.mark.parametrize("shape", [(4, 8), (5, 3), (12, 13)], ids=str)
def test_every_board_gives_the_oracles_bits(shape: tuple[int, int], tmp_path: Path) -> None:
    sources = write_models(shape, tmp_path)
    for core, board in BOARDS.items():
        for number, level in enumerate(FLAGS[core]):
            standard = "-std=gnu11" if number % 2 else "-std=c99"
            flags = (level, standard, *STRICT, f"-I{tmp_path}")
            elf = build(board, [SUPPORT / "check.c", *sources], tmp_path / f"{core}{level}.elf", flags=flags)
            done = run(board, elf)
            assert (done.status, done.text) == (0, "right\n"), f"{core} {level} {standard}"


def test_nan_and_infinity_score_the_cap_on_every_board(tmp_path: Path) -> None:
    sources = write_models((3, 5), tmp_path)
    (tmp_path / "main.c").write_text(
        '#include "board.h"\n#include "check_vectors.h"\n'
        "#define BAD(name, NAME) for (int i = 0; i < 4; ++i) { \\\n"
        "  float x[NAME##_INPUT_LEN] = {0}; name##_in_t q[NAME##_INPUT_LEN]; x[i] = bad[i]; \\\n"
        "  name##_quantize(x, q); \\\n"
        "  right += name##_score(x) == 1000.0f && name##_is_anomaly(x) \\\n"
        "      && name##_score_q(q) >= NAME##_THRESHOLD_Q; }\n"
        "int main(void) {\n"
        "  volatile float zero = 0.0f;\n"
        "  const float bad[4] = {0.0f / zero, -(0.0f / zero), 1.0f / zero, -1.0f / zero};\n"
        "  int right = 0;\n"
        "  MODELS(BAD)\n"
        "  board_write_number(right);\n"
        "  return 0;\n"
        "}\n"
    )
    flags = ("-O2", f"-I{tmp_path}")
    for core, board in BOARDS.items():
        elf = build(board, [tmp_path / "main.c", *sources], tmp_path / f"{core}.elf", flags=flags)
        assert run(board, elf).text == "16", core
