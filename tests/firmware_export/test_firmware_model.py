"""Models as parts of the firmware: the compiler's bytes, the oracle's answers, a slot's new parameters."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import update_slot, verify
from daemon.quantize.anomaly import quantize
from daemon.quantize.vectors import vectors
from firmware_export.firmware_model import FirmwareModel, anomaly_model, network_model
from firmware_export.networks.read_tflite import read as read_network
from firmware_export.networks.simulate import run
from firmware_export.read_anomaly import read
from hw_tests.boards.peer import peer
from hw_tests.network_shapes import Chain, ds_cnn
from tests.firmware_export.c_programs import STRICT
from tests.quantize.models import model_of

_DUMP = r"""
#include <stddef.h>
#include <stdio.h>
struct NAME_params;
extern const struct NAME_params *NAME_params_in_use;
extern const size_t NAME_params_size;
int main(void) { return fwrite(NAME_params_in_use, NAME_params_size, 1, stdout) != 1; }
"""
ANOMALIES = [
    (kind, shape, bits)
    for kind in ("kmeans", "gmm")
    for shape in ((4, 8), (3, 5), (9, 1))
    for bits in (8, 16)
]


def anomaly(folder: Path, kind: str, shape: tuple[int, int], bits: int, seed: int = 0) -> FirmwareModel:
    model, rows = model_of(kind, *shape, seed=seed)
    integer = quantize(model, rows, bits=bits, headroom=2.0)
    integer.save(folder / "model.npz")
    return anomaly_model(read(folder / "model.npz"), "press", vectors(integer, rows))


def dense(seed: int) -> bytes:
    return Chain((1, 33), seed).dense(20).dense(10).dense(4).softmax().finish()


def written(model: FirmwareModel, folder: Path) -> list[Path]:
    (folder / f"{model.name}.h").write_text(model.header)
    (folder / f"{model.name}.c").write_text(model.source)
    (folder / "glue.c").write_text(model.glue(1, 7, 3, bytes(32)))
    return [folder / "glue.c", folder / f"{model.name}.c"]


def compiled_bytes(model: FirmwareModel, folder: Path) -> bytes:
    """The parameters, as a compiler lays them out."""
    _, source = written(model, folder)
    (folder / "dump.c").write_text(_DUMP.replace("NAME", model.name))
    program = folder / "dump"
    command = ["gcc", "-std=c99", *STRICT, model.flags[0], str(source), str(folder / "dump.c"), "-o"]
    subprocess.run([*command, str(program)], check=True)
    return subprocess.run([str(program)], check=True, capture_output=True).stdout


@pytest.mark.parametrize(("kind", "shape", "bits"), ANOMALIES, ids=str)
def test_parameters_of_anomaly_models_are_the_compilers_bytes(
    kind: str, shape: tuple[int, int], bits: int, tmp_path: Path
) -> None:
    model = anomaly(tmp_path, kind, shape, bits)
    assert model.params == compiled_bytes(model, tmp_path)


@pytest.mark.parametrize("make", [lambda: dense(0), ds_cnn], ids=["dense", "ds_cnn"])
def test_parameters_of_networks_are_the_compilers_bytes(make: object, tmp_path: Path) -> None:
    assert callable(make)
    model = network_model(make(), "net", ("a", "b"))
    assert model.params == compiled_bytes(model, tmp_path)


def test_the_architecture_is_the_shape_and_not_the_weights(tmp_path: Path) -> None:
    named = (("net", tuple("abcd")), ("other_name", tuple("wxyz")))
    first, second = (network_model(dense(seed), *names).blob(1, 7, 3) for seed, names in enumerate(named))
    assert first.architecture == second.architecture
    assert first.params != second.params
    other = network_model(Chain((1, 33), 0).dense(21).dense(4).softmax().finish(), "net").blob(1, 7, 3)
    assert other.architecture != first.architecture
    same, more = (anomaly(tmp_path, "kmeans", shape, 8).blob(1, 7, 3) for shape in ((4, 8), (5, 8)))
    assert same.architecture != more.architecture
    again = anomaly(tmp_path, "kmeans", (4, 8), 8, seed=1).blob(1, 7, 4)
    assert again.architecture == same.architecture


@pytest.mark.parametrize("kind", ["kmeans", "gmm"])
def test_a_retrained_anomaly_model_takes_effect_in_a_slot(kind: str, tmp_path: Path) -> None:
    first, second = (anomaly(tmp_path, kind, (4, 8), 8, seed=seed) for seed in (0, 1))
    with (
        peer(model=written(first, tmp_path), flags=first.flags) as board,
        SerialLink(board.url) as link,
    ):
        session = BoardSession(link)
        assert verify(session, session.info(), first.blob(1, 7, 3)) == len(first.inputs)
        done = update_slot(session, second.blob(1, 7, 4), lambda _: bytes(64), lambda _: None)
        assert (done.info.version, done.vectors) == (4, len(second.inputs))


def test_a_retrained_network_takes_effect_in_a_slot(tmp_path: Path) -> None:
    first, second = (network_model(dense(seed), "net", tuple("abcd")) for seed in (0, 1))
    rows = np.random.default_rng(5).integers(-128, 128, (50, 33)).astype(np.int8)
    with (
        peer(model=written(first, tmp_path), flags=first.flags) as board,
        SerialLink(board.url) as link,
    ):
        session = BoardSession(link)
        for seed, model in ((0, first), (1, second)):
            done = update_slot(session, model.blob(1, 7, 3 + seed), lambda _: bytes(64), lambda _: None)
            expected = run(read_network(dense(seed)), rows)
            assert session.run(rows.tobytes(), done.info) == expected.tobytes()
