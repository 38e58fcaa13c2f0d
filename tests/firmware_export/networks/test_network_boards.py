"""Emulated boards give the same bits: Cortex-M0, M3, M4F, M7 and M55."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from firmware_export.networks import ir
from firmware_export.networks.figures import figures
from firmware_export.networks.read_tflite import read
from hw_tests.bench_networks import BARS, measure, write
from hw_tests.boards import BOARDS, SUPPORT, build, build_counter, run
from hw_tests.network_shapes import SHAPES, Chain
from tests.firmware_export.networks.compiled import WARNINGS
from tests.firmware_export.networks.single import models
from tests.firmware_export.networks.test_random_models import collect

LEVELS = {"M0": "-Os", "M3": "-O2", "M4F": "-O2", "M7": "-O3", "M55": "-Os"}


def _small() -> bytes:
    """Every fast kernel: odd rows, whole rows, single pixels, both depthwise strides."""
    chain = Chain((1, 11, 7, 3), 7).conv(8, (3, 3)).depthwise().conv(12, (1, 1)).depthwise(2).conv(8, (3, 3))
    return chain.average().dense(5, 0).softmax().finish()


def _right_on_every_board(network: ir.Network, folder: Path) -> None:
    write(network, folder, vectors=4)
    for core, board in BOARDS.items():
        flags = (LEVELS[core], "-std=c99", *WARNINGS, f"-I{folder}")
        elf = build(board, [SUPPORT / "network.c", folder / "net.c"], folder / f"{core}.elf", flags=flags)
        assert run(board, elf).status == 0, core


def test_a_convolutional_network_is_right_on_every_board(tmp_path: Path) -> None:
    _right_on_every_board(read(_small()), tmp_path)


@pytest.mark.parametrize(
    "name", ["conv of -128 with huge biases", "fully connected, multiplier above 1", "SUB (6,) 0.02"]
)
def test_awkward_operators_are_right_on_every_board(name: str, tmp_path: Path) -> None:
    _right_on_every_board(read(models()[name]), tmp_path)


@pytest.mark.campaign
def test_random_graphs_are_right_on_every_board(tmp_path: Path) -> None:
    for model in collect(40, seed=int(os.environ.get("CAMPAIGN_SEED", "77"))):
        network = read(model)
        if max(value.size for value in network.values.values()) < 3000:
            _right_on_every_board(network, tmp_path)


@pytest.mark.parametrize("shape", ["dense 33-20-10-4", "autoencoder 33", "DS-CNN"])
def test_the_bars_hold(shape: str, tmp_path: Path) -> None:
    network, bars = read(SHAPES[shape]()), BARS[shape]
    made = write(network, tmp_path)
    counter = build_counter(tmp_path)
    for core, bar in (("M4F", bars.m4f), ("M3", bars.m3)):
        cost = measure(BOARDS[core], made, counter, tmp_path)
        assert cost.instructions <= bar
        if core == "M4F":
            assert cost.code <= bars.code
            estimate = figures(network, made).code
            assert cost.code <= estimate <= 1.5 * cost.code
