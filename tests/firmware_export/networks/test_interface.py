"""The C interface beside invoke: values in and out, labels, errors, and parameters apart from the code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from firmware_export.networks.emit_header import header
from firmware_export.networks.emit_source import source
from firmware_export.networks.read_tflite import read
from hw_tests.network_shapes import Chain
from tests.firmware_export.networks.compiled import SANITIZERS, WARNINGS

_ENDS = """
#include <stdio.h>
#include <string.h>
#include "net.h"
int main(void) {
  static float values[NET_INPUT_LEN], scores[NET_OUTPUT_LEN];
  static int8_t input[NET_INPUT_LEN], output[NET_OUTPUT_LEN];
  if (fread(values, sizeof values, 1, stdin) != 1) return 1;
  if (fread(output, sizeof output, 1, stdin) != 1) return 1;
  net_quantize(values, input);
  net_dequantize(output, scores);
  fwrite(input, sizeof input, 1, stdout);
  fwrite(scores, sizeof scores, 1, stdout);
  return 0;
}
"""


def _model(seed: int) -> bytes:
    return Chain((1, 300), seed).dense(9).dense(5, 0).finish()


@pytest.mark.parametrize("updatable", [False, True])
def test_values_come_in_rounded_and_go_out_scaled(updatable: bool, tmp_path: Path) -> None:
    network = read(_model(1))
    made = source(network, "net", updatable=updatable)
    (tmp_path / "net.h").write_text(header(network, "net", made.plan.size))
    (tmp_path / "net.c").write_text(made.text)
    (tmp_path / "main.c").write_text(_ENDS)
    sources = [str(tmp_path / name) for name in ("net.c", "main.c")]
    program = str(tmp_path / "program")
    subprocess.run(["gcc", "-std=c99", *WARNINGS, *SANITIZERS, *sources, "-o", program], check=True)
    how, out = network.input_quantization, network.output_quantization
    scale = np.float32(how.scale)
    values = np.linspace(-9, 9, 300, dtype=np.float32)
    values[:6] = [np.nan, np.inf, -np.inf, 1e30, scale * np.float32(0.5), scale * np.float32(-0.5)]
    output = np.array([-128, -1, 0, 5, 127], np.int8)
    done = subprocess.run(
        [program], input=values.tobytes() + output.tobytes(), capture_output=True, check=True
    ).stdout
    steps = (values[6:] * (np.float32(2) * (np.float32(1) / scale))).astype(np.float64)
    whole = np.trunc(steps)
    rounded = np.sign(whole) * ((np.abs(whole) + 1) // 2)
    expected = np.clip(rounded + how.zero_point, -128, 127)
    given = np.frombuffer(done[:300], np.int8)
    assert np.array_equal(given[6:], expected)
    assert given[:4].tolist() == [how.zero_point, 127, -128, 127]
    assert given[4:6].tolist() == [how.zero_point + 1, how.zero_point - 1]
    scores = np.frombuffer(done[300:], np.float32)
    assert np.array_equal(scores, (output.astype(np.float32) - out.zero_point) * np.float32(out.scale))


def test_a_retrained_model_changes_parameters_only() -> None:
    texts = [source(read(_model(seed)), "net", updatable=True).text for seed in (1, 2)]
    parts = [
        re.split(r"^const struct net_params net_params = \{$", text, flags=re.MULTILINE) for text in texts
    ]
    ends = [part[1].partition("\n};\n") for part in parts]
    assert parts[0][0] == parts[1][0]
    assert ends[0][2] == ends[1][2]
    assert ends[0][0] != ends[1][0]


def test_null_and_crooked_scratch_are_refused(tmp_path: Path) -> None:
    network = read(_model(1))
    made = source(network, "net")
    (tmp_path / "net.h").write_text(header(network, "net", made.plan.size))
    (tmp_path / "net.c").write_text(made.text)
    (tmp_path / "main.c").write_text(
        '#include "net.h"\nint main(void) { static int8_t in[NET_INPUT_LEN], out[NET_OUTPUT_LEN];\n'
        "static uint64_t s[NET_SCRATCH_BYTES / 8 + 2];\n"
        "return !(net_invoke(NULL, out, s) == -1 && net_invoke(in, NULL, s) == -1\n"
        "&& net_invoke(in, out, NULL) == -1 && net_invoke(in, out, (char *)s + 4) == -2\n"
        "&& net_invoke(in, out, s) == 0 && net_label(0) == NULL); }\n"
    )
    sources = [str(tmp_path / name) for name in ("net.c", "main.c")]
    subprocess.run(["clang", "-std=c99", *WARNINGS, *sources, "-o", str(tmp_path / "program")], check=True)
    subprocess.run([str(tmp_path / "program")], check=True)
