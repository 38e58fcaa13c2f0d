"""The page of a network's version, read from outside: what it says, holds, escapes, and how large it gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from daemon.report.curves import Curve, curves
from daemon.report.network import NetworkMaterial, network_page
from tests.report.document import Node, parse, table

MOST_BYTES = 200_000


def line(value: float, support: int) -> dict[str, float]:
    return {"precision": value, "recall": value, "f1-score": value, "support": support}


def material(
    classes: list[str], epochs: int = 5, inputs: int = 4, confusion: Any = None, **changes: Any
) -> NetworkMaterial:
    """A version that was never trained, of any size."""
    count = len(classes)
    matrix = np.eye(count, dtype=int) * 7 if confusion is None else confusion
    report = {
        **{name: line(0.5, 7) for name in classes},
        "macro avg": line(0.5, 7 * count),
        "weighted avg": line(0.5, 7 * count),
        "accuracy": 0.5,
    }
    errors = {"mse": 0.25, "mae": 0.5, "r2": 0.75, "maxError": 1.0}
    device = {"name": "Board", "latency": 1.25, "hasPerformance": True}
    metrics = {
        variant: {
            "loss": 0.25,
            "accuracy": 0.5,
            "confusionMatrix": np.asarray(matrix).tolist(),
            "report": report if classes else errors,
            "onDevicePerformance": [device],
        }
        for variant in ("float32", "int8")
    }
    names = ["model_float32.tflite", "model_int8.tflite", "c/net.c", "c/net.h"]
    figures = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), 0.5)
    manifest = {
        "name": "Net 1",
        "cName": "net",
        "classes": classes,
        "inputShape": [inputs],
        "inputs": [{"axis": axis, "label": f"c{axis}", "units": "N/A"} for axis in range(inputs)],
        "settings": {"layers": [{"layer": {"type": "dense"}}], "epochs": epochs, "learning_rate": 0.01},
        "data": {"trainingRows": 80, "validationRows": 20, "testingRows": 0, "digest": "d" * 64},
        "fit": {"bestEpoch": max(epochs - 1, 1), "epochs": [figures] * epochs},
        "metrics": {"float32": {}, "int8": {}},
        "memory": {"flashBytes": 2048, "ramBytes": 512, "macs": 1580, "measuredWith": "a scale"},
        "gate": {"passed": True, "method": "qat", "attempts": [{}, {}]},
        "warnings": [],
        "ignored": {},
        "request": {},
        "packages": {"trainerd": "1.0"},
        "seeds": {"training": 3},
        "threads": 1,
        **changes,
    }
    said = {"float32": "b (60%)", "int8": "b (61%)"}
    worst = [{"place": "row 3 of 'x.csv'", "label": "a", "answers": said, "off": 2.5}]
    wanted = np.linspace(0, 1, 0 if classes else 9)
    given = {} if classes else {"float32": wanted + 0.1, "int8": wanted + 0.2}
    files = {name: {"size": 100, "sha256": "e" * 64} for name in names}
    return NetworkMaterial(manifest, files, metrics, wanted, given, worst)


def page_of(made: NetworkMaterial) -> Node:
    text = network_page(made)
    assert len(text.encode()) <= MOST_BYTES
    page = parse(text)
    for path in page.all("path"):
        assert "nan" not in path.attributes.get("d", "")
        assert "inf" not in path.attributes.get("d", "")
    return page


def test_a_classifier_shows_curves_confusions_classes_and_worst_rows() -> None:
    confusion = [[7, 0], [3, 4]]
    page = page_of(material(["good", "bad"], confusion=confusion))
    for caption in ("float32 network", "int8 network"):
        assert table(page, caption) == [["good", "7", ""], ["bad", "3", "4"]]
    assert [row[0] for row in table(page, "The int8 network on the rows")] == [
        "good",
        "bad",
        "Mean of the classes",
    ]
    assert table(page, "The worst 1 row") == [["row 3 of 'x.csv'", "a", "b (60%)", "b (61%)", "2.5"]]
    titles = [node.all("title")[0].content[0] for node in page.all("svg") if node.all("title")]
    assert [str(title).split(" by ")[0] for title in titles] == ["Loss", "Accuracy"]
    assert table(page, "One inference, estimated") == [["Board", "1.25 ms"]]
    assert "trained for int8, the best of 2 attempts, and loses no more" in page.text


def test_a_regression_shows_answers_against_labels() -> None:
    page = page_of(material([]))
    assert table(page, "Errors on the rows")[0] == [
        "R2: share of the spread that is foretold",
        "0.7500",
        "0.7500",
    ]
    pictures = [node for node in page.all("svg") if node.all("title")]
    assert len(pictures) == 3  # the loss, and the answers of both variants


def test_many_classes_are_told_by_the_pairs_that_are_confused_most() -> None:
    random = np.random.default_rng(1)
    names = [f"class {number}" for number in range(300)]
    confusion = random.integers(0, 5, (300, 300))
    confusion[7, 9] = 99
    page = page_of(material(names, confusion=confusion))
    assert table(page, "int8 network")[0][:2] == ["class 7", "class 9"]
    assert len(table(page, "The int8 network on the rows")) == 257


@pytest.mark.parametrize("epochs", [1, 2, 240, 5000])
def test_any_number_of_epochs_can_be_drawn(epochs: int) -> None:
    page_of(material(["a", "b"], epochs=epochs))
    values = [1 / epoch for epoch in range(1, epochs + 1)]
    drawn = parse(curves("Loss", [Curve("training", "Training", values)], 1))
    (path,) = [node for node in drawn.all("path") if "curve" in node.classes]
    assert path.attributes["d"].count("L") + 1 <= 242
    assert drawn.all("title")[0].content[0].count("in the last")  # type: ignore[union-attr]


def test_names_are_text_whatever_they_hold() -> None:
    evil = "<script>alert(1)</script>\u202e\x00"
    page = page_of(material([evil, "b"], name=evil, warnings=[evil], ignored={evil: evil}))
    assert page.all("script") == []
    assert "<script>" in page.text


def test_a_page_of_many_inputs_stays_small() -> None:
    page_of(material(["a", "b"], inputs=100_000))
