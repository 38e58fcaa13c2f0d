"""From a request to an int8 network that may stand for the float network, or to a job that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from daemon.errors import GateFailed, InvalidMember
from daemon.wire.worker import GateBounds
from firmware_export.networks.tflite_graph import read_graph
from tests.networks.plant import NetworkPlant, read
from tests.quantize.networks import digits

LAYERS = [{"type": "dense", "neurons": 16}, {"type": "dense", "neurons": 10}]
REQUEST: dict[str, Any] = {"visualLayers": LAYERS, "trainingCycles": 15, "learningRate": 0.01}


@pytest.fixture
def plant(tmp_path: Path) -> NetworkPlant:
    """A project with 700 digits."""
    return _plant(tmp_path, digits().train[:700])


def _plant(path: Path, rows: npt.NDArray[np.float32]) -> NetworkPlant:
    plant = NetworkPlant(path)
    plant.add(rows, [str(label) for label in digits().train_labels[: len(rows)]])
    return plant


def _kernels(directory: Path) -> list[npt.NDArray[np.int8]]:
    graph = read_graph((directory / "model_int8.tflite").read_bytes())
    weights = [
        graph.tensors[node.inputs[1]] for node in graph.nodes if node.kind in ("FULLY_CONNECTED", "CONV_2D")
    ]
    return [np.frombuffer(tensor.data or b"", np.int8) for tensor in weights]


def test_what_loses_little_is_quantized_after_training(plant: NetworkPlant) -> None:
    made = plant.train(REQUEST)
    gate = read(made)["gate"]
    assert gate["passed"]
    assert (gate["method"], gate["gains"], gate["problem"]) == ("post-training", [], None)
    (validation,) = gate["attempts"][0]["comparisons"]
    assert (validation["side"], validation["rows"]) == ("validation", 140)
    assert [figure["name"] for figure in validation["figures"]] == [
        "accuracy",
        *(f"recall of {digit}" for digit in range(10)),
    ]
    assert validation["figures"][0]["float32"] == read(made)["metrics"]["float32"]["validationAccuracy"]
    assert validation["figures"][0]["int8"] == read(made)["metrics"]["int8"]["validationAccuracy"]
    logged = [line for _, line in plant.heard.logged]
    assert "int8, post-training: passes" in logged
    assert any(line.startswith("recall of 7") for line in logged)


def test_what_loses_too_much_is_trained_for_int8_by_itself(tmp_path: Path) -> None:
    rows = digits().train[:700].copy()
    rows[::25, 0] = 130  # of a sensor that says so when it is in trouble; all other values are 0 to 1
    plant = _plant(tmp_path, rows)
    made = plant.train({**REQUEST, "trainingCycles": 6})
    gate = read(made)["gate"]
    assert [attempt["method"] for attempt in gate["attempts"]] == ["post-training", "qat"]
    assert [attempt["passed"] for attempt in gate["attempts"]] == [False, True]
    assert read(made)["result"]["quantization"] == "qat"


def test_what_cannot_be_mended_fails_with_the_table(tmp_path: Path) -> None:
    rows = digits().train[:700].copy()
    rows[::25, 0] = 1000
    plant = _plant(tmp_path, rows)
    with pytest.raises(GateFailed) as failed:
        plant.train(REQUEST)
    assert "scale the inputs" in failed.value.message
    assert failed.value.details is not None
    gate = failed.value.details["gate"]
    assert [attempt["method"] for attempt in gate["attempts"]] == ["post-training", "qat"]
    assert not any(attempt["passed"] for attempt in gate["attempts"])
    assert not list((tmp_path / "work" / "1").iterdir())
    warned = [line for level, line in plant.heard.logged if level == "warn"]
    assert "int8, qat: loses too much" in warned
    assert any(line.startswith("recall of 7") for line in warned)


def test_pruning_and_clustering_are_kept_through_training_for_int8(plant: NetworkPlant) -> None:
    layers = [
        {"type": "reshape", "columns": 8},
        {"type": "conv1d", "neurons": 12, "kernelSize": 3, "stack": 1},
        {"type": "flatten"},
    ]
    custom = {"pruning": "0.5", "clustering": "16", "quantization": "qat"}
    request = {**REQUEST, "visualLayers": layers, "customParameters": custom}
    made = plant.train(request, gate=GateBounds(max_accuracy_loss=0.2))
    gate = read(made)["gate"]
    assert [gain["step"] for gain in gate["gains"]] == ["pruning", "clustering", "qat"]
    assert [attempt["method"] for attempt in gate["attempts"]] == ["qat"]
    first, last = gate["gains"][0], gate["gains"][-1]
    assert last["after"]["deflated"] < first["before"]["deflated"]
    assert last["after"]["bytes"] == (made / "model_int8.tflite").stat().st_size
    for kernel in _kernels(made):
        assert np.mean(kernel == 0) >= 0.45
    assert all(len(np.unique(kernel)) <= 17 for kernel in _kernels(made)[1:])
    told = [step.fraction for step in plant.heard.told if step.stage == "quantize"]
    assert told == sorted(told)


def test_a_regression_is_judged_by_its_r2(tmp_path: Path) -> None:
    rows = digits().train[:600]
    plant = NetworkPlant(tmp_path)
    plant.add(rows, [f"{value:.4f}" for value in rows @ np.linspace(-3, 5, 64)])
    made = plant.train(REQUEST, kind="keras-regression")
    gate = read(made)["gate"]
    assert gate["passed"]
    assert [figure["name"] for figure in gate["attempts"][0]["comparisons"][0]["figures"]] == [
        "r2",
        "mse",
        "mae",
        "maxError",
    ]


def test_a_parameter_that_does_not_exist_is_refused_before_the_job(plant: NetworkPlant) -> None:
    from daemon.trainers.keras.settings import keras_settings
    from daemon.trainers.table import NETWORKS
    from daemon.wire.keras import SetKerasParameterRequest

    with pytest.raises(InvalidMember, match=r"customParameters\.prunning: is unknown, did you mean pruning"):
        keras_settings(
            NETWORKS["keras"], SetKerasParameterRequest(custom_parameters={"prunning": "0.5"}), (64,)
        )
