"""Each operator equals both runtimes, in NumPy and in C, under the sanitizers."""

from __future__ import annotations

import subprocess
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


def test_no_double_no_long_division_no_libm(tmp_path: Path) -> None:
    """On a core without them, each would show as a function that the C needs; floats are for its ends."""
    one_of_each = {read(model).operators: model for model in MODELS.values()}
    names = [f"net_{i}" for i in range(len(one_of_each))]
    for name, model in zip(names, one_of_each.values(), strict=True):
        compiled.write(clean(read(model)), name, tmp_path)
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb", "-O1", "-std=c99", "-c"]
    subprocess.run([*command, *(f"{name}.c" for name in names)], cwd=tmp_path, check=True)
    listing = subprocess.run(
        ["arm-none-eabi-nm", "--undefined-only", *(f"{name}.o" for name in names)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    needed = {line.split()[-1] for line in listing.splitlines() if line.startswith(" ")}
    integers = {f"__aeabi_{what}" for what in ("lmul", "lasr", "idiv", "uidiv", "uidivmod")}
    ends = {"fmul", "fsub", "i2f", "f2iz", "fcmpeq", "fcmpge", "fcmpgt", "fcmple", "fcmplt"}
    assert needed <= integers | {f"__aeabi_{what}" for what in ends} | {"memcpy", "memset"}
