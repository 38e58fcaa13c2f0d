"""The examples of docs/export.md work as they stand there, and its table names every operator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from firmware_export.networks.read_tflite import OPERATORS
from hw_tests.network_shapes import Chain
from tests.firmware_export.networks.compiled import WARNINGS

PAGE = (Path(__file__).parents[3] / "docs" / "export.md").read_text()


def _fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_from_a_model_to_scores(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(Chain((1, 12), 1).dense(3, 0).softmax().finish())
    (tmp_path / "labels.txt").write_text("yes\nno\nnoise\n")
    (example,) = _fenced("c")
    (tmp_path / "example.c").write_text(example)
    export, build = _fenced("sh")
    build = build.replace("-O2", " ".join(["-O2", *WARNINGS]))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", export + build],
        cwd=tmp_path, env={**os.environ, "PATH": path}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "multiplications an inference" in done.stdout
    scores = re.findall(r"^(yes|no|noise): (0\.\d{3})$", done.stdout, re.MULTILINE)
    assert [label for label, _ in scores] == ["yes", "no", "noise"]
    assert 0.98 <= sum(float(score) for _, score in scores) <= 1.02


def test_every_operator_is_in_the_table() -> None:
    rows = re.findall(r"^\| ([A-Z0-9_, ]+?) \|", PAGE, re.MULTILINE)
    assert set(OPERATORS) <= {name for row in rows for name in row.split(", ")}
