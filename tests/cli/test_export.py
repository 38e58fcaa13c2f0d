"""`trainerd export` needs neither daemon nor broker, prints the costs, and keeps to budgets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli.ends import CallWrong, WorkFailed
from daemon.cli.export import command
from daemon.quantize.anomaly import quantize
from hw_tests.network_shapes import dense
from tests.quantize.models import kmeans_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(dense())
    return path


def test_the_costs_are_printed(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(command, [str(model), "--name", "Press 3", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "0 FULLY_CONNECTED" in result.output and "900 multiplications" in result.output
    assert sorted(path.name for path in out.iterdir()) == ["press_3.c", "press_3.h", "press_3_test_vectors.h"]


def test_json(model: Path, tmp_path: Path) -> None:
    arguments = [str(model), "--name", "net", "--out", str(tmp_path / "out"), "--json", "--format", "zephyr"]
    said = json.loads(CliRunner().invoke(command, arguments).output)
    assert said["macs"] == 900 and said["scratch"] < 200 and len(said["layers"]) == 4
    assert all(Path(path).exists() for path in said["files"])


def test_an_anomaly_model_of_a_version(tmp_path: Path) -> None:
    float_model, rows = kmeans_model(3, 4)
    integer = quantize(float_model, rows, bits=8, headroom=2.0)
    integer.save(tmp_path / "model_int8.npz")
    arguments = [
        str(tmp_path / "model_int8.npz"),
        "--name",
        "Press",
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    said = json.loads(CliRunner().invoke(command, arguments).output)
    assert said["macs"] == 12 and said["flash"] > 100 and said["layers"][0]["layer"] == "K-means, 3 clusters"
    assert [Path(path).name for path in said["files"]] == ["press.h", "press.c", "press_test_vectors.h"]
    (tmp_path / "model_int8.npz").write_bytes(b"PK nonsense")
    with pytest.raises(WorkFailed, match="cannot be read as an integer anomaly model"):
        CliRunner().invoke(command, arguments, standalone_mode=False, catch_exceptions=False)


def test_labels(model: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\nthree\nfour\n")
    out = tmp_path / "out"
    CliRunner().invoke(command, [str(model), "--name", "net", "--out", str(out), "--labels", str(labels)])
    assert '{"one", "two", "three", "four"}' in (out / "net.c").read_text()


def test_a_budget_that_does_not_hold_writes_nothing(model: Path, tmp_path: Path) -> None:
    arguments = [str(model), "--name", "net", "--out", str(tmp_path / "out"), "--ram", "100"]
    with pytest.raises(WorkFailed, match="bytes of RAM, 100 are allowed"):
        CliRunner().invoke(command, arguments, standalone_mode=False, catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_a_damaged_model_and_a_useless_name_are_refused(model: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    with pytest.raises(CallWrong, match="identifier"):
        CliRunner().invoke(command, [str(model), "--name", "!", "--out", out], catch_exceptions=False)
    model.write_bytes(b"nonsense")
    with pytest.raises(WorkFailed, match="not a TensorFlow Lite file"):
        CliRunner().invoke(command, [str(model), "--name", "net", "--out", out], catch_exceptions=False)
