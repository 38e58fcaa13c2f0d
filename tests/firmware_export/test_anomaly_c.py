"""The C of anomaly models equals its oracle, whatever compiles it."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import numpy as np
import pytest

from daemon.quantize.anomaly import quantize
from tests.firmware_export.c_programs import STRICT, Exported, assert_equal_to_oracles, compiled, export_as
from tests.quantize.models import FloatRows, hard_rows, model_of

# Odd and even, one and many: each leaves another tail behind the words of the fast paths.
SHAPES = ((1, 1), (1, 2), (4, 8), (5, 3), (6, 7), (3, 30), (16, 13), (256, 2), (2, 101))

COMPILERS = (
    *(("gcc", f"-std={standard}", level) for standard in ("c99", "gnu11") for level in ("-O0", "-O2", "-O3")),
    *(("clang", f"-std={standard}", level) for standard in ("c99", "gnu11") for level in ("-O0", "-O3")),
    ("gcc", "-std=gnu11", "-O3", "-march=haswell", "-ffp-contract=fast"),
    ("clang", "-std=gnu11", "-O1", "-mfma", "-ffp-contract=fast"),
    ("gcc", "-std=c99", "-Os"),
    ("g++", "-xc++", "-std=c++17", "-O2"),
    ("clang++", "-xc++", "-std=c++17", "-O2"),
    ("gcc", "-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    ("clang", "-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)


def exported(
    kind: str, count: int, inputs: int, bits: int, folder: Path, name: str
) -> tuple[Exported, FloatRows]:
    model, rows = model_of(kind, count, inputs, seed=count + inputs)
    return export_as(name, quantize(model, rows, bits=bits, headroom=2.0), folder), rows


@pytest.mark.parametrize("compiler", COMPILERS, ids=" ".join)
def test_four_models_in_one_program_equal_their_oracles(compiler: tuple[str, ...], tmp_path: Path) -> None:
    models, rows = [], []
    for (kind, bits), shape in zip(
        itertools.product(("kmeans", "gmm"), (8, 16)), ((4, 8), (5, 7), (4, 8), (3, 5)), strict=True
    ):
        one, training = exported(kind, *shape, bits, tmp_path, f"{kind}_{bits}")
        models.append(one)
        rows.append(hard_rows(training, 600))
    assert_equal_to_oracles(compiled(compiler, models, tmp_path / "program"), models, rows)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_equals_its_oracle(shape: tuple[int, int], tmp_path: Path) -> None:
    models, rows = [], []
    for kind, bits in itertools.product(("kmeans", "gmm"), (8, 16)):
        one, training = exported(kind, *shape, bits, tmp_path, f"{kind}_{bits}")
        models.append(one)
        rows.append(hard_rows(training, 400))
    checked = ("gcc", "-std=c99", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    assert_equal_to_oracles(compiled(checked, models, tmp_path / "program"), models, rows)


ARM_GCC = ("arm-none-eabi-gcc", "-mthumb", "-std=gnu11", "-O2")
ARM_CLANG = ("clang", "-isystem", "/usr/lib/arm-none-eabi/include", "-std=c99", "-O2")
CORES = (
    (*ARM_GCC, "-mcpu=cortex-m33+nodsp", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    (*ARM_GCC, "-mcpu=cortex-m33", "-mfloat-abi=softfp", "-mfpu=fpv5-sp-d16"),
    (*ARM_GCC, "-mcpu=cortex-m4", "-mfloat-abi=soft"),
    (*ARM_GCC, "-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-ffast-math"),
    (*ARM_GCC, "-mcpu=cortex-a7", "-mfloat-abi=hard", "-mfpu=neon-vfpv4"),
    (*ARM_CLANG, "--target=thumbv6m-none-eabi", "-mcpu=cortex-m0"),
    (*ARM_CLANG, "--target=thumbv7m-none-eabi", "-mcpu=cortex-m3"),
    (*ARM_CLANG, "--target=thumbv7em-none-eabihf", "-mcpu=cortex-m4"),
    (*ARM_CLANG, "--target=thumbv8.1m.main-none-eabihf", "-mcpu=cortex-m55"),
)


@pytest.mark.parametrize("compiler", CORES, ids=" ".join)
def test_every_sort_of_core_compiles_without_a_warning(compiler: tuple[str, ...], tmp_path: Path) -> None:
    for number, shape in enumerate(((1, 1), (2, 3), (9, 8))):
        for kind, bits in itertools.product(("kmeans", "gmm"), (8, 16)):
            one, _ = exported(kind, *shape, bits, tmp_path, f"{kind}_{bits}_{number}")
            command = [*compiler, *STRICT, "-c", str(one.source), "-o", str(tmp_path / "one.o")]
            subprocess.run(command, check=True)


@pytest.mark.parametrize("compiler", CORES[2:], ids=" ".join)
def test_no_mathematics_are_pulled_in_even_unoptimised(compiler: tuple[str, ...], tmp_path: Path) -> None:
    one, _ = exported("kmeans", 3, 8, 8, tmp_path, "plain")
    object_file = tmp_path / "plain.o"
    command = [*compiler, "-O0", "-c", str(one.source), "-o", str(object_file)]
    subprocess.run(command, check=True)
    listing = subprocess.run(
        ["nm", "-u", str(object_file)], capture_output=True, text=True, check=True
    ).stdout
    needed = {line.split()[-1] for line in listing.splitlines()}
    # Moving memory, and the integer products and divisions that a core does not have.
    assert needed <= {
        "memcpy",
        "__aeabi_memcpy",
        "__aeabi_memclr4",
        "__aeabi_lmul",
        "__aeabi_uidiv",
        "memset",
    }


def test_rounding_and_saturation_are_the_oracles_at_every_edge(tmp_path: Path) -> None:
    one, _ = exported("kmeans", 3, 2, 8, tmp_path, "edges")
    inputs = one.model.inputs
    # Features whose product is at, just above and just below a half, over the whole range and past it.
    halves = (np.arange(-140.0, 140.0, 0.5)[:, None] - inputs.zero_point) / inputs.reciprocal
    at = halves.astype(np.float32)
    below, above = np.nextafter(at, np.float32(-np.inf)), np.nextafter(at, np.float32(np.inf))
    rows = [np.concatenate([at, below, above])]
    program = compiled(("gcc", "-std=c99", "-O2"), [one], tmp_path / "program")
    assert_equal_to_oracles(program, [one], rows)


def test_without_floats_only_the_integer_part_is_left(tmp_path: Path) -> None:
    one, _ = exported("gmm", 2, 3, 16, tmp_path, "plain")
    object_file = tmp_path / "plain.o"
    compiler = ("gcc", "-std=c99", "-O2", "-DPLAIN_NO_FLOAT", *STRICT)
    subprocess.run([*compiler, "-c", str(one.source), "-o", str(object_file)], check=True)
    listing = subprocess.run(["nm", str(object_file)], capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[-1] for line in listing.splitlines() if " T " in line or " U " in line}
    assert symbols <= {"plain_score_q", "plain_axis"}


def test_nothing_of_a_model_is_visible_but_what_its_header_says(tmp_path: Path) -> None:
    for kind in ("kmeans", "gmm"):
        one, _ = exported(kind, 2, 3, 8, tmp_path, kind)
        object_file = tmp_path / "one.o"
        subprocess.run(["gcc", "-O0", "-c", str(one.source), "-o", str(object_file)], check=True)
        listing = subprocess.run(["nm", "-g", str(object_file)], capture_output=True, text=True, check=True)
        symbols = {line.split()[-1] for line in listing.stdout.splitlines()}
        public = {f"{kind}_{what}" for what in ("axis", "score_q", "quantize", "score", "is_anomaly")}
        assert symbols - {"memcpy", "_GLOBAL_OFFSET_TABLE_"} == public
        sections = subprocess.run(
            ["size", "-A", str(object_file)], capture_output=True, text=True, check=True
        )
        written = {
            line.split()[0]: int(line.split()[1]) for line in sections.stdout.splitlines()[2:-1] if line
        }
        assert written.get(".data", 0) == written.get(".bss", 0) == 0


def test_the_axes_are_those_of_the_model(tmp_path: Path) -> None:
    one, _ = exported("kmeans", 2, 3, 8, tmp_path, "axes")
    (tmp_path / "main.c").write_text(
        '#include "axes.h"\n#include <stdio.h>\n'
        'int main(void) { for (size_t i = 0; i < 4; ++i) printf("%u ", axes_axis(i)); return 0; }\n'
    )
    command = ["gcc", "-std=c99", str(tmp_path / "main.c"), str(one.source), "-o", str(tmp_path / "main")]
    subprocess.run(command, check=True)
    answer = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True).stdout
    assert answer.split() == ["0", "1", "2", "65535"]
