"""The example of the page about networks, word for word, and options that leave something out."""

from __future__ import annotations

import json
import re
from pathlib import Path

from sklearn.datasets import load_digits

from tests.networks.plant import LEARN_ID, NetworkPlant, read

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "keras.md").read_text()


def test_the_example_of_the_page_reads_digits(tmp_path: Path) -> None:
    (impulse,) = [json.loads(text) for text in re.findall(r"```json impulse\n(.*?)```", PAGE, re.DOTALL)]
    request = json.loads(re.findall(r"```json request\n(.*?)```", PAGE, re.DOTALL)[0])
    (block,) = impulse["learnBlocks"]
    assert block["id"] == LEARN_ID
    plant = NetworkPlant(tmp_path)
    data = load_digits()
    plant.add(data.data[:600], [str(digit) for digit in data.target[:600]])
    asked = {**request, "skipEmbeddingsAndMemory": True}
    directory = plant.train(asked, block["type"], impulse=impulse, learn_block=block)
    # So small a network, on 480 digits: guessing gives 0.1.
    assert read(directory)["metrics"]["int8"]["validationAccuracy"] > 0.85
    assert not (directory / "embedding.json").exists()
    (int8, _) = read(directory, "metadata.json")["keras"]["modelValidationMetrics"]
    assert not int8["onDevicePerformance"][0]["hasPerformance"]


def test_the_images_of_the_page_are_seen_as_images(tmp_path: Path) -> None:
    (impulse,) = [json.loads(text) for text in re.findall(r"```json images\n(.*?)```", PAGE, re.DOTALL)]
    (block,) = impulse["learnBlocks"]
    plant = NetworkPlant(tmp_path)
    data = load_digits()
    plant.add(data.data[:500] * (255 / 16), [str(digit) for digit in data.target[:500]])
    layers = [
        {"type": "conv2d", "neurons": 8},
        {"type": "flatten"},
        {"type": "dense", "neurons": 16},
    ]
    asked = {
        "visualLayers": layers,
        "trainingCycles": 15,
        "learningRate": 0.01,
        "augmentationPolicyImage": "none",
        "skipEmbeddingsAndMemory": True,
    }
    directory = plant.train(asked, block["type"], impulse=impulse, learn_block=block)
    manifest = read(directory)
    assert manifest["inputShape"] == [8, 8, 1]
    assert manifest["metrics"]["int8"]["validationAccuracy"] > 0.8
