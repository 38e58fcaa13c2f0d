"""Models to deploy to boards, in as many versions as one wants, with their oracles in Python."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from nacl.signing import SigningKey

from daemon.quantize.anomaly import IntegerModel
from daemon.quantize.vectors import vectors
from firmware_export.firmware_model import FirmwareModel, anomaly_model, network_model
from firmware_export.networks.read_tflite import read as read_network
from firmware_export.networks.simulate import run
from firmware_export.read_anomaly import read
from hw_tests.bench import CASES, integer_model
from hw_tests.network_shapes import Chain

DIMENSIONS, CLUSTERS, INPUTS = 4, 3, 8

KEY = SigningKey(bytes(range(32)))
"""Signs for the boards of the tests; of no use for anything else."""


@dataclass(frozen=True)
class Deployable:
    """A model version, as a board gets it.

    Attributes
    ----------
    name : str
    firmware : FirmwareModel
    version : int
    answer : callable
        Rows of inputs to rows of outputs, both as bytes: what the board must answer.
    rows : callable
        So many rows of inputs, as bytes.
    """

    name: str
    firmware: FirmwareModel
    version: int
    answer: Callable[[bytes], bytes]
    rows: Callable[[int], bytes]


@functools.cache
def kmeans(version: int = 1) -> Deployable:
    """A K-means model; another one for each version."""
    return _anomaly("kmeans", version)


@functools.cache
def gmm(version: int = 1) -> Deployable:
    """A Gaussian mixture; another one for each version."""
    return _anomaly("gmm", version)


@functools.cache
def dense(version: int = 1) -> Deployable:
    """A network 8-10-4, which fits an AVR; other weights for each version."""
    data = Chain((1, INPUTS), version).dense(10).dense(4, 0).finish()
    network = read_network(data)

    def answer(inputs: bytes) -> bytes:
        return run(network, np.frombuffer(inputs, np.int8).reshape(-1, INPUTS)).tobytes()

    def rows(count: int) -> bytes:
        return np.random.default_rng(5).integers(-128, 128, (count, INPUTS)).astype(np.int8).tobytes()

    return Deployable("dense", network_model(data, "dense", tuple("abcd")), version, answer, rows)


DEPLOYABLES: dict[str, Callable[[int], Deployable]] = {"kmeans": kmeans, "gmm": gmm, "dense": dense}


def _training_rows(version: int) -> npt.NDArray[np.float64]:
    """Clouds on axes of different size; a little shifted for each version."""
    rng = np.random.default_rng(11)
    centres = rng.normal(0.0, 4.0, (CLUSTERS, DIMENSIONS))
    drift = np.random.default_rng(version)
    clouds = [
        centre + drift.normal(0.0, 0.2, DIMENSIONS) + drift.normal(size=(200, DIMENSIONS))
        for centre in centres
    ]
    size = np.array([1.0, 0.05, 300.0, 12.0])
    return np.asarray((np.concatenate(clouds) * size).astype(np.float32), dtype=np.float64)


def _anomaly(kind: str, version: int) -> Deployable:
    rows = _training_rows(version)
    (case,) = [case for case in CASES if case.title.lower().startswith(kind.replace("kmeans", "k-means"))]
    integer: IntegerModel = integer_model(case, rows, CLUSTERS)
    with tempfile.TemporaryDirectory() as folder:
        integer.save(Path(folder) / "model_int8.npz")
        ir = read(Path(folder) / "model_int8.npz")
    kind_of_input = np.dtype(f"<i{ir.inputs.bits // 8}")

    def answer(inputs: bytes) -> bytes:
        given = np.frombuffer(inputs, kind_of_input).reshape(-1, DIMENSIONS)
        return integer.score_q(given).astype("<i4").tobytes()

    def some(count: int) -> bytes:
        chosen = np.random.default_rng(7).integers(0, len(rows), count)
        spread = np.random.default_rng(8).normal(0.0, 2.0, (count, DIMENSIONS)) * rows.std(axis=0)
        return integer.quantize((rows[chosen] + spread).astype(np.float32)).astype(kind_of_input).tobytes()

    return Deployable(kind, anomaly_model(ir, kind, vectors(integer, rows)), version, answer, some)
