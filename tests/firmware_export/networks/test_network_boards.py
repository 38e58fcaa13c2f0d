"""Emulated boards give the same bits: Cortex-M0, M3, M4F, M7 and M55."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from firmware_export.networks.dead_channels import clean
from firmware_export.networks.emit_vectors import vectors_header
from firmware_export.networks.figures import figures
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run as simulate
from hw_tests.bench_networks import BARS, measure, write
from hw_tests.boards import BOARDS, SUPPORT, build, build_counter, run
from hw_tests.network_shapes import SHAPES, Chain
from tests.firmware_export.networks import compiled
from tests.firmware_export.networks.single import models
from tests.firmware_export.networks.test_random_models import collect

LEVELS = {"M0": "-Os", "M3": "-O2", "M4F": "-O2", "M7": "-O3", "M55": "-O2"}

AWKWARD = (
    "conv of -128 with huge biases",
    "conv 3-8 3x3",
    "conv of as many numbers as its input has",
    "fully connected, multiplier above 1",
    "fully connected 3x33-5",
    "depthwise valid by 2",
    "SUB (6,) 0.02",
)


def _small() -> bytes:
    """Every fast kernel: odd rows, whole rows, single pixels, both depthwise strides."""
    chain = Chain((1, 11, 7, 3), 7).conv(8, (3, 3)).depthwise().conv(12, (1, 1)).depthwise(2).conv(8, (3, 3))
    return chain.average().dense(5, 0).softmax().finish()


def _right_on_every_board(given: Sequence[bytes], folder: Path) -> None:
    """All models in one program for each board, every other one in its updatable form as well."""
    names: list[str] = []
    for i, model in enumerate(given):
        network = read(model)
        rows = compiled.rows_for(network, 3, seed=i)
        for updatable in (False, True)[: 1 + i % 2]:
            names.append(f"net_{len(names)}")
            compiled.write(network if updatable else clean(network), names[-1], folder, updatable=updatable)
            vectors = vectors_header(rows, simulate(network, rows), names[-1])
            (folder / f"{names[-1]}_test_vectors.h").write_text(vectors)
    includes = "".join(f'#include "{name}_test_vectors.h"\n' for name in names)
    listed = " ".join(f"DO({name}, {name.upper()})" for name in names)
    (folder / "check_networks.h").write_text(f"{includes}#define NETWORKS(DO) {listed}\n")
    sources = [SUPPORT / "networks.c", *(folder / f"{name}.c" for name in names)]
    for core, board in BOARDS.items():
        flags = (LEVELS[core], "-std=c99", *compiled.WARNINGS, f"-I{folder}")
        done = run(board, build(board, sources, folder / f"{core}.elf", flags=flags))
        assert (done.status, done.text) == (0, ""), core


def _fits(model: bytes) -> bool:
    """Whether the smallest board holds it beside others."""
    network = read(model)
    return max(value.size for value in network.values.values()) < 1500


def test_networks_are_right_on_every_board(tmp_path: Path) -> None:
    awkward = models()
    drawn = [model for model in collect(12, seed=5) if _fits(model)]
    assert len(drawn) >= 6
    _right_on_every_board([_small(), *(awkward[name] for name in AWKWARD), *drawn], tmp_path)


@pytest.mark.campaign
def test_random_graphs_are_right_on_every_board(tmp_path: Path) -> None:
    drawn = [m for m in collect(60, seed=int(os.environ.get("CAMPAIGN_SEED", "77"))) if _fits(m)]
    for start in range(0, len(drawn), 15):
        folder = tmp_path / str(start)
        folder.mkdir()
        _right_on_every_board(drawn[start : start + 15], folder)


@pytest.mark.parametrize("shape", ["dense 33-20-10-4", "autoencoder 33", "DS-CNN"])
def test_the_bars_hold(shape: str, tmp_path: Path) -> None:
    network, bars = read(SHAPES[shape]()), BARS[shape]
    made = write(network, tmp_path)
    counter = build_counter(tmp_path)
    for core, level, bar in (
        ("M4F", "-O2", bars.m4f),
        ("M4F", "-Os", bars.m4f),
        ("M3", "-O2", bars.m3),
        ("M55", "-O2", bars.others_m55),
    ):
        cost = measure(BOARDS[core], made, counter, tmp_path, level)
        assert cost.instructions <= bar, (core, level)
        if core == "M4F":
            assert cost.code <= bars.code
            estimate = figures(network, made).code
            assert cost.code <= estimate <= 1.5 * cost.code
