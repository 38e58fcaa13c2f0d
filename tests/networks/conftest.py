"""Networks that several tests look at; nobody changes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.datasets import load_diabetes, load_wine

from tests.networks.plant import NetworkPlant


@pytest.fixture(scope="session")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version of a network that tells wines apart, with rows that test it."""
    plant = NetworkPlant(tmp_path_factory.mktemp("wine"))
    data = load_wine()
    rows = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
    labels = [str(data.target_names[label]) for label in data.target]
    plant.add(rows[::2], labels[::2], name="cellar.csv")
    plant.add(rows[1::2], labels[1::2], "testing")
    return plant.train({"trainingCycles": 20, "learningRate": 0.01, "minimumConfidenceRating": 0.7})


@pytest.fixture(scope="session")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version of a network that foretells a number, with the float variant chosen."""
    plant = NetworkPlant(tmp_path_factory.mktemp("diabetes"))
    data = load_diabetes()
    plant.add(data.data * 20, [f"{target / 100:.2f}" for target in data.target])
    return plant.train(
        {
            "trainingCycles": 10,
            "learningRate": 0.005,
            "selectedModelType": "float32",
            "profileInt8": False,
        },
        "keras-regression",
    )
