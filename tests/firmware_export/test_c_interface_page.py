"""The example of docs/c-interface.md compiles and runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from daemon.quantize.anomaly import quantize
from daemon.quantize.vectors import vectors
from firmware_export.firmware_model import anomaly_model
from firmware_export.read_anomaly import read
from tests.firmware_export.c_programs import STRICT, export_as
from tests.quantize.models import kmeans_model, model_of

PAGE = Path(__file__).parents[2] / "docs" / "c-interface.md"


def fenced(language: str, number: int = 0) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found[number])


def test_the_example_compiles_and_answers(tmp_path: Path) -> None:
    model, rows = kmeans_model(2, 3)
    export_as("press", quantize(model, rows, bits=8, headroom=2.0), tmp_path)
    (tmp_path / "example.c").write_text(fenced("c"))
    command = fenced("sh").split()
    subprocess.run([*command, *STRICT], cwd=tmp_path, check=True)
    answer = subprocess.run([str(tmp_path / "example")], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"score \d+\.\d{3}, an anomaly at 0\.300: yes\n", answer)


def test_the_package_of_the_page_builds_and_passes_its_self_test(tmp_path: Path) -> None:
    model, rows = kmeans_model(2, 3)
    quantize(model, rows, bits=8, headroom=2.0).save(tmp_path / "model_int8.npz")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["bash", "-euc", fenced("sh", 1)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PATH": path}, check=True, capture_output=True, text=True
    )
    assert "K-means, 2 clusters" in done.stdout and "100% tests passed" in done.stdout


def test_every_name_of_the_header_is_on_the_page(tmp_path: Path) -> None:
    model, rows = kmeans_model(2, 3)
    one = export_as("press", quantize(model, rows, bits=8, headroom=2.0), tmp_path)
    header = one.source.with_suffix(".h").read_text()
    names = set(re.findall(r"\b(?:PRESS|press)_(?!H\b)\w+", header))
    page = PAGE.read_text()
    for name in names:
        assert name.replace("PRESS_", "<NAME>_").replace("press_", "<name>_") in page, name


_BESIDE = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  press_in_t q[PRESS_INPUT_LEN];
  void *params = malloc(press_params_size);
  if (fread(params, press_params_size, 1, stdin) != 1) return 1;
  take(params);
  while (fread(q, sizeof q, 1, stdin) == 1) {
    int32_t score_q = press_score_q(q);
    fwrite(&score_q, sizeof score_q, 1, stdout);
  }
  free(params);
  return 0;
}
"""


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
def test_parameters_of_another_training_take_effect(kind: str, tmp_path: Path) -> None:
    (model, rows), (again, others) = (model_of(kind, 4, 5, seed=seed) for seed in (0, 1))
    one = export_as("press", quantize(model, rows, bits=8, headroom=2.0), tmp_path)
    integer = quantize(again, others, bits=8, headroom=2.0)
    integer.save(tmp_path / "again.npz")
    params = anomaly_model(read(tmp_path / "again.npz"), "press", vectors(integer, others)).params
    (tmp_path / "main.c").write_text(fenced("c", 1) + _BESIDE)
    command = ["gcc", "-std=c99", *STRICT, "-DPRESS_UPDATABLE", str(one.source), "main.c", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    q = integer.quantize(others)
    given = params + q.tobytes()
    told = subprocess.run([str(tmp_path / "main")], input=given, capture_output=True, check=True).stdout
    assert np.frombuffer(told, np.int32).tolist() == integer.score_q(q).tolist()
    assert np.frombuffer(told, np.int32).tolist() != one.model.score_q(q).tolist()
