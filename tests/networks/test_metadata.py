"""What clients are told of a trained network, beside scikit-learn's figures and Edge Impulse's client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import edgeimpulse_api.models as client_models
import numpy as np
import pytest
from sklearn.metrics import classification_report, confusion_matrix, log_loss, r2_score, roc_auc_score

from daemon.networks import scores
from daemon.networks.scores import Answers
from tests.networks.plant import read


def metadata(directory: Path) -> dict[str, Any]:
    return {"created": "2026-01-01T00:00:00.000Z", **read(directory, "metadata.json")["keras"]}


def test_the_client_of_edge_impulse_reads_the_metadata(wine: Path, diabetes: Path) -> None:
    for directory, mode, keys in ((wine, "classification", ["min_score"]), (diabetes, "regression", [])):
        found = metadata(directory)
        assert [threshold["key"] for threshold in found["thresholds"]] == keys
        # A threshold's number trips the client, whoever sends it.
        told = client_models.KerasModelMetadata(**{**found, "thresholds": []})
        assert told.mode.value == mode
        assert [metrics.type.value for metrics in told.model_validation_metrics] == ["int8", "float32"]
        assert told.tensorboard_graphs[0].title == "Loss"


def test_metrics_of_a_classifier(wine: Path) -> None:
    found = metadata(wine)
    assert found["classNames"] == found["labels"] == ["class_0", "class_1", "class_2"]
    assert found["thresholds"][0]["value"] == 0.7
    rows = read(wine)["data"]["validationRows"]
    for metrics in found["modelValidationMetrics"]:
        assert np.sum(metrics["confusionMatrix"]) == rows == 18
        assert metrics["report"]["accuracy"] == metrics["accuracy"] > 0.8
        assert metrics["report"]["weighted avg"]["support"] == rows
        assert 0 < metrics["loss"] < 1
        names = [metric["name"] for metric in metrics["additionalMetrics"]]
        assert names[0] == "Area under ROC curve"
    curves = {graph["title"]: graph["data"] for graph in found["tensorboardGraphs"]}
    assert [len(series["values"]) for series in curves["Accuracy"]] == [20, 20]


def test_on_device_performance_is_exact_where_it_can_be_and_says_where_it_is_not(wine: Path) -> None:
    int8, float32 = metadata(wine)["modelValidationMetrics"]
    size = (wine / "model_int8.tflite").stat().st_size
    macs = 13 * 20 + 20 * 10 + 10 * 3
    assert len(int8["onDevicePerformance"]) >= 3
    for device in int8["onDevicePerformance"]:
        assert device["hasPerformance"]
        assert device["tflite"]["modelSize"] == size
        told = {metric["name"]: metric["value"] for metric in device["customMetrics"]}
        assert told["Multiplications"] == str(macs)
        assert told["Latency"].startswith("estimate: ")
    assert [device["isDefault"] for device in int8["onDevicePerformance"]].count(True) == 1
    assert int8["isSupportedOnMcu"]
    assert not float32["isSupportedOnMcu"]
    assert "no C is made of the float32 variant" in float32["mcuSupportError"]


def test_a_regression_has_errors_instead_of_a_confusion(diabetes: Path) -> None:
    found = metadata(diabetes)
    assert (found["mode"], found["classNames"], found["recommendedModelType"]) == (
        "regression",
        [],
        "float32",
    )
    for metrics in found["modelValidationMetrics"]:
        assert metrics["confusionMatrix"] == []
        assert "accuracy" not in metrics
        assert metrics["loss"] == pytest.approx(metrics["report"]["mse"])
        assert 0 < metrics["report"]["r2"] < 1
    int8 = found["modelValidationMetrics"][0]
    assert [device["hasPerformance"] for device in int8["onDevicePerformance"]] == [False] * 3
    assert "profileInt8" in int8["onDevicePerformance"][0]["profilingError"]


@pytest.fixture
def answers() -> Answers:
    """Answers to 400 rows of four classes, the last of which nobody answers with."""
    random = np.random.default_rng(1)
    right = random.integers(0, 4, 400)
    given = random.dirichlet(np.ones(4), 400) + 0.7 * np.eye(4)[right] * random.random((400, 1))
    given[:, 3] *= 0.001
    given /= given.sum(axis=1, keepdims=True)
    return Answers(given.astype(np.float32), np.eye(4, dtype=np.float32)[right])


@pytest.mark.filterwarnings("ignore:Precision is ill-defined")
def test_scores_are_those_of_scikit_learn(answers: Answers) -> None:
    names = ["a", "b", "c", "d"]
    expected = classification_report(
        answers.right, answers.chosen, target_names=names, output_dict=True, zero_division=0
    )
    found = scores.report(answers, names)
    assert found.keys() == expected.keys()
    for name, line in expected.items():
        assert found[name] == pytest.approx(line, abs=1e-12)
    np.testing.assert_array_equal(scores.confusion(answers), confusion_matrix(answers.right, answers.chosen))
    assert scores.loss(answers, classifies=True) == pytest.approx(
        log_loss(answers.right, answers.given), 1e-6
    )
    assert scores.area_under_roc(answers) == pytest.approx(
        roc_auc_score(answers.right, answers.given.astype(float), multi_class="ovr"), abs=1e-6
    )


def test_scores_of_a_regression() -> None:
    random = np.random.default_rng(2)
    wanted = random.normal(size=(50, 1)).astype(np.float32)
    found = scores.regression(Answers(wanted + np.float32(0.5), wanted))
    assert found["mse"] == pytest.approx(0.25, rel=1e-5)
    assert [found["mae"], found["maxError"]] == pytest.approx([0.5, 0.5], rel=1e-5)
    assert found["r2"] == pytest.approx(r2_score(wanted, wanted + np.float32(0.5)), rel=1e-5)
    assert scores.regression(Answers(np.ones((3, 1), "f4"), np.ones((3, 1), "f4")))["r2"] == 0.0


def test_a_class_that_no_row_has_counts_nothing(answers: Answers) -> None:
    few = Answers(answers.given[:5], np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 0]])
    found = scores.report(few, ["a", "b", "c", "d"])
    assert found["d"] == {"precision": 0.0, "recall": 0.0, "f1-score": 0.0, "support": 0.0}
    assert 0 <= scores.area_under_roc(few) <= 1


def test_the_rows_that_validated_are_embedded_unless_nobody_wants_it(wine: Path, diabetes: Path) -> None:
    for directory, labels in ((wine, {"class_0", "class_1", "class_2"}), (diabetes, None)):
        embedded = read(directory, "embedding.json")
        rows = read(directory)["data"]["validationRows"]
        assert {len(embedded[name]) for name in ("x", "y", "score", "label")} == {rows}
        assert labels is None or set(embedded["label"]) == labels
        assert 0.1 < sum(embedded["explainedVariance"]) < 1
        mean_loss = metadata(directory)["modelValidationMetrics"][0]["loss"]
        assert np.mean(embedded["score"]) == pytest.approx(mean_loss, rel=1e-4)
