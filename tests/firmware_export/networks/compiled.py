"""Compiles generated networks for the host, many at a time, and runs them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from firmware_export.networks import ir
from firmware_export.networks.emit_header import header
from firmware_export.networks.emit_source import Source, source
from firmware_export.networks.ir import Int8

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")

# Buffers of the exact sizes, on the heap: one byte too far is an error under the sanitizer.
_RUN = """
static int run_{name}(long rows) {{
  int8_t *in = (int8_t *)malloc({upper}_INPUT_LEN), *out = (int8_t *)malloc({upper}_OUTPUT_LEN);
  void *scratch = malloc({upper}_SCRATCH_BYTES);
  int status = 0;
  while (rows-- > 0 && status == 0) {{
    if (fread(in, 1, {upper}_INPUT_LEN, stdin) != {upper}_INPUT_LEN) status = 9;
    else status = {name}_invoke(in, out, scratch);
    fwrite(out, 1, {upper}_OUTPUT_LEN, stdout);
  }}
  free(in); free(out); free(scratch);
  return status;
}}
"""


def write(network: ir.Network, name: str, folder: Path, *, updatable: bool = False) -> Source:
    """Header and source of a network."""
    made = source(network, name, updatable=updatable)
    (folder / f"{name}.h").write_text(header(network, name, made.plan.size))
    (folder / f"{name}.c").write_text(made.text)
    return made


def build(
    names: Sequence[str],
    folder: Path,
    compiler: Sequence[str] = ("gcc", "-std=c99"),
    flags: Sequence[str] = (*SANITIZERS, "-O1"),
) -> Path:
    """One program that runs all the named networks; linking them together is part of the test."""
    main = folder / "main.c"
    parts = ["#include <stdio.h>", "#include <stdlib.h>", *(f'#include "{name}.h"' for name in names)]
    parts += [_RUN.format(name=name, upper=name.upper()) for name in names]
    calls = " ".join(f"case {i}: return run_{name}(rows);" for i, name in enumerate(names))
    parts.append(
        f"int main(int n, char **v) {{ long rows = n > 2 ? atol(v[2]) : 0; "
        f"switch (n > 1 ? atoi(v[1]) : -1) {{ {calls} default: return 8; }} }}\n"
    )
    main.write_text("\n".join(parts))
    program = folder / "program"
    sources = [*(str(folder / f"{name}.c") for name in names), str(main)]
    subprocess.run([*compiler, *WARNINGS, *flags, *sources, "-o", str(program)], check=True)
    return program


def run(program: Path, number: int, rows: Int8) -> Int8:
    """Outputs of network `number` of a program."""
    command = [str(program), str(number), str(len(rows))]
    done = subprocess.run(command, input=rows.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr.decode()[-2000:])
    return np.frombuffer(done.stdout, np.int8).reshape(len(rows), -1)


def rows_for(network: ir.Network, count: int, seed: int) -> Int8:
    """Inputs: both ends of the range, then noise, then noise around the zero point."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-128, 128, (count, network.values[network.input].size)).astype(np.int8)
    rows[0], rows[1] = -128, 127
    rows[-1] = np.clip(rows[-1] // 16 + network.input_quantization.zero_point, -128, 127)
    return rows
