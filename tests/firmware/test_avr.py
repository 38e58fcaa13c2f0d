"""The firmware on an ATmega328P in simavr: what a board without slots can do."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.serial_link import SerialLink
from daemon.quantize.anomaly import quantize
from daemon.quantize.vectors import vectors
from firmware_export.firmware_model import FirmwareModel, anomaly_model, network_model
from firmware_export.networks.read_tflite import read as read_network
from firmware_export.networks.simulate import run as simulate
from firmware_export.read_anomaly import read
from hw_tests.boards.avr import build_avr, simulated
from hw_tests.boards.peer import Peer, peer
from hw_tests.mlperf_runner import Runner
from hw_tests.network_shapes import Chain
from tests.firmware.smp_line import IMAGE, MODEL, READ, WRITE, Line, Refused
from tests.firmware_export.test_firmware_model import written
from tests.quantize.models import model_of

ROWS = 300


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with simulated(build_avr(tmp_path_factory.mktemp("avr") / "firmware.hex")) as started:
        yield started


def test_it_says_what_it_is_and_has_the_same_model_as_any_board(board: Peer) -> None:
    with Line.to(board) as line, peer() as other, Line.to(other) as other_line:
        info = line.ask(READ, MODEL, 0)
        assert (info["board"], info["slots"], info["slotsize"], info["src"]) == (
            "atmega328p",
            0,
            0,
            "factory",
        )
        for member in ("hash", "arch", "name", "project", "learn", "version", "inbytes", "outbytes"):
            assert info[member] == other_line.ask(READ, MODEL, 0)[member], member
        (image,) = line.ask(READ, IMAGE, 0)["images"]
        assert (image["slot"], image["hash"], image["confirmed"]) == (2, info["hash"], True)


def test_it_runs_as_many_rows_as_it_says(board: Peer) -> None:
    with Line.to(board) as line:
        most = line.ask(READ, MODEL, 0)["max"]
        assert most > 10
        rows = bytes(value % 256 for value in range(4 * most))
        signed = struct.unpack(f"{4 * most}b", rows)
        expected = [5 + sum((1 + j) * signed[4 * row + j] for j in range(4)) for row in range(most)]
        out = line.ask(WRITE, MODEL, 1, **{"in": rows})["out"]
        assert list(struct.unpack(f"<{most}i", out)) == expected


def test_it_takes_no_model_into_a_slot(board: Peer) -> None:
    with Line.to(board) as line:
        with pytest.raises(Refused, match="8"):
            line.ask(WRITE, IMAGE, 1, image=1, off=0, len=100, data=bytes(32))
        with pytest.raises(Refused, match="8"):
            line.ask(WRITE, IMAGE, 5)
        # The model that it was built with may be confirmed, as anywhere.
        digest = line.ask(READ, MODEL, 0)["hash"]
        assert line.ask(WRITE, IMAGE, 0, hash=digest, confirm=True)["images"][0]["hash"] == digest


def test_it_starts_anew_and_counts_that(board: Peer) -> None:
    with Line.to(board) as line:
        boot = line.ask(READ, MODEL, 0)["boot"]
        line.reset()
        assert line.ask(READ, MODEL, 0)["boot"] == boot + 1


def test_it_keeps_the_rows_that_it_sampled_last(board: Peer) -> None:
    with Line.to(board) as line:
        line.ask(WRITE, MODEL, 3, everyms=1)
        answer = line.ask(READ, MODEL, 2, **{"from": 0, "max": 3})
        while len(answer["in"]) < 2 * 16:
            answer = line.ask(READ, MODEL, 2, **{"from": answer["first"], "max": 3})
        first, second = struct.unpack_from("<4f", answer["in"]), struct.unpack_from("<4f", answer["in"], 16)
        assert {(b - a) % 8 for a, b in zip(first, second, strict=True)} == {7 / 8}
        inputs = [int(value * 8) for value in first]
        assert struct.unpack_from("<i", answer["out"])[0] == 5 + sum((1 + j) * inputs[j] for j in range(4))
        line.ask(WRITE, MODEL, 3, everyms=0)


def test_a_runner_of_mlperf_tiny_drives_it(board: Peer) -> None:
    with Runner.to(board.port) as runner:
        assert runner.send("name") == ["m-name-dut-[atmega328p]"]
        assert runner.load(b"\1\2\3\xfc") == ["m-load-done"]
        results, microseconds = runner.infer(20, 1)
        assert results == [5 + 1 + 4 + 9 - 16]
        assert microseconds > 0


def test_without_a_model_it_answers_too(tmp_path: Path) -> None:
    with simulated(build_avr(tmp_path / "empty.hex", model=())) as board, Line.to(board) as line:
        assert line.ask(READ, MODEL, 0)["max"] == 0
        assert line.ask(READ, IMAGE, 0) == {"images": []}


def anomaly_with_rows(kind: str, bits: int, folder: Path) -> tuple[FirmwareModel, bytes, bytes]:
    model, rows = model_of(kind, 4, 8)
    integer = quantize(model, rows, bits=bits, headroom=2.0)
    integer.save(folder / "model.npz")
    inputs = integer.quantize(rows[:ROWS].astype(np.float32))
    made = anomaly_model(read(folder / "model.npz"), "press", vectors(integer, rows))
    return made, inputs.astype(f"<i{bits // 8}").tobytes(), integer.score_q(inputs).astype("<i4").tobytes()


def network_with_rows(folder: Path) -> tuple[FirmwareModel, bytes, bytes]:
    data = Chain((1, 8), 0).dense(12).dense(3).softmax().finish()
    # Fewer: the oracle of softmax takes its time.
    inputs = np.random.default_rng(1).integers(-128, 128, (ROWS // 10, 8)).astype(np.int8)
    outputs = simulate(read_network(data), inputs).astype(np.int8)
    return network_model(data, "net", ("a", "b", "c")), inputs.tobytes(), outputs.tobytes()


@pytest.mark.parametrize("kind", ["kmeans", "gmm", "dense"])
def test_a_model_gives_the_oracles_bytes(kind: str, tmp_path: Path) -> None:
    made = network_with_rows(tmp_path) if kind == "dense" else anomaly_with_rows(kind, 16, tmp_path)
    model, inputs, outputs = made
    image = build_avr(
        tmp_path / "model.hex", model=written(model, tmp_path), flags=model.flags[:1], sensor=False
    )
    with simulated(image) as board, SerialLink(board.url) as link:
        session = BoardSession(link)
        info = session.info()
        assert info.digest == model.blob(1, 7, 3).digest().hex()
        assert session.run(inputs, info) == outputs
