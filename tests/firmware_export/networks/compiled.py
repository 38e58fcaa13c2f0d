"""Compiles a generated network for the host and runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware_export.networks import ir
from firmware_export.networks.emit_header import header
from firmware_export.networks.emit_source import Source, source

Int8 = npt.NDArray[np.int8]

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g"]

# Buffers of the exact sizes, on the heap: one byte too far is an error under the sanitizer.
_MAIN = """#include <stdio.h>
#include <stdlib.h>
#include "net.h"
int main(void) {
  int8_t *in = (int8_t *)malloc(NET_INPUT_LEN), *out = (int8_t *)malloc(NET_OUTPUT_LEN);
  void *scratch = malloc(NET_SCRATCH_BYTES);
  while (fread(in, 1, NET_INPUT_LEN, stdin) == NET_INPUT_LEN) {
    if (net_invoke(in, out, scratch) != 0) return 1;
    fwrite(out, 1, NET_OUTPUT_LEN, stdout);
  }
  free(in); free(out); free(scratch);
  return 0;
}
"""


def write(network: ir.Network, folder: Path, *, updatable: bool = False) -> Source:
    """`net.h`, `net.c` and a main that runs rows from its standard input."""
    made = source(network, "net", updatable=updatable)
    (folder / "net.h").write_text(header(network, "net", made.plan.size))
    (folder / "net.c").write_text(made.text)
    (folder / "main.c").write_text(_MAIN)
    return made


def run(folder: Path, rows: Int8, compiler: tuple[str, ...] = ("gcc", "-std=c99")) -> Int8:
    """The outputs of the network that `write` has put into `folder`."""
    command = [*compiler, *WARNINGS, *SANITIZERS, "-O1", "net.c", "main.c", "-o", "net"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run([str(folder / "net")], input=rows.tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.int8).reshape(len(rows), -1)
