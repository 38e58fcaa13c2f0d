"""Random graphs: NumPy and C equal both runtimes on every one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from firmware_export.errors import UnsupportedModel
from firmware_export.networks.dead_channels import clean
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run
from tests.firmware_export.networks import compiled, oracles
from tests.firmware_export.networks.random_models import models

BATCH = 12
"""Models in one program: compiling is what takes the time."""

# tflite-runtime takes a table made in floats here, TFLM fixed point: they differ where a result lies half way
# between two steps. TFLM is what counts.
_FLOAT_TABLES = {"LOGISTIC", "TANH"}

# Relations between scales that the runtimes refuse as well.
_SCALES = ("extreme", "so much finer")


def check(batch: list[bytes], count: int, compiler: tuple[str, ...] = ("gcc", "-std=c99")) -> None:
    """All models of a batch, on `count` inputs each."""
    with tempfile.TemporaryDirectory() as name:
        folder, kept = Path(name), []
        for i, model in enumerate(batch):
            network = read(model)
            rows = compiled.rows_for(network, count, seed=i)
            expected = run(network, rows)
            for runtime, outputs in oracles.RUNTIMES.items():
                if runtime == "tflite-micro" or not _FLOAT_TABLES & set(network.operators):
                    assert np.array_equal(expected, outputs(model, rows)), runtime
            cleaned = clean(network)
            assert np.array_equal(run(cleaned, rows), expected), "dead channels"
            compiled.write(network if i % 3 == 2 else cleaned, f"net_{i}", folder, updatable=i % 3 == 2)
            kept.append((rows, expected))
        program = compiled.build([f"net_{i}" for i in range(len(batch))], folder, compiler)
        for i, (rows, expected) in enumerate(kept):
            assert np.array_equal(compiled.run(program, i, rows), expected), f"the C of model {i} differs"


def collect(wanted: int, seed: int) -> list[bytes]:
    """Random models that are supported."""
    found: list[bytes] = []

    @settings(
        max_examples=wanted, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(models())
    def keep(model: bytes) -> None:
        try:
            read(model)
        except UnsupportedModel as error:
            if not any(reason in error.message for reason in _SCALES):
                raise
            return
        found.append(model)

    hypothesis.seed(seed)(keep)()
    return found


@pytest.mark.parametrize(
    "compiler", [("gcc", "-std=c99"), ("clang", "-std=c99"), ("g++", "-xc++", "-std=c++17")]
)
def test_random_graphs_equal_both_runtimes(compiler: tuple[str, ...]) -> None:
    check(collect(BATCH, seed=len(compiler[0])), 8, compiler)


@pytest.mark.campaign
def test_five_hundred_random_graphs() -> None:
    done, seed = 0, int(os.environ.get("CAMPAIGN_SEED", "0"))
    while done < 500:
        batch = collect(40, seed)
        check(batch, 20)
        done, seed = done + len(batch), seed + 1
