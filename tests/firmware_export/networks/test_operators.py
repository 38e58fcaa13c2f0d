"""Each operator equals both runtimes, in NumPy and in C, under the sanitizers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_export.networks.dead_channels import clean
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run
from tests.firmware_export.networks import compiled, oracles
from tests.firmware_export.networks.single import models

MODELS = models()


@pytest.mark.parametrize("name", MODELS)
def test_the_integer_network_equals_both_runtimes(name: str) -> None:
    network = read(MODELS[name])
    rows = compiled.rows_for(network, 8, seed=1)
    ours = run(network, rows)
    for runtime, outputs in oracles.RUNTIMES.items():
        assert np.array_equal(ours, outputs(MODELS[name], rows)), runtime


@pytest.mark.parametrize("updatable", [False, True])
def test_the_c_equals_the_integer_network(updatable: bool, tmp_path: Path) -> None:
    networks = [read(model) for model in MODELS.values()]
    names = [f"net_{i}" for i in range(len(networks))]
    for name, network in zip(names, networks, strict=True):
        compiled.write(network if updatable else clean(network), name, tmp_path, updatable=updatable)
    program = compiled.build(names, tmp_path)
    for i, (title, network) in enumerate(zip(MODELS, networks, strict=True)):
        rows = compiled.rows_for(network, 8, seed=2)
        assert np.array_equal(compiled.run(program, i, rows), run(network, rows)), title
