"""The reference firmware with a K-means in it, through each real tool: it runs and scores as it should."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from daemon.deploy.board_session import BoardSession
from daemon.deploy.flashers.flashing import flash
from daemon.deploy.flashers.table import read_options
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import verify
from daemon.quantize.anomaly import quantize
from daemon.quantize.vectors import vectors
from firmware_export.firmware_model import FirmwareModel, anomaly_model
from firmware_export.read_anomaly import read
from hw_tests.boards.avr import build_avr
from hw_tests.boards.bootloaders import AN3155_BOARD, an3155, arduino, images_of, qemu
from hw_tests.boards.emulated import LAYOUTS, build_firmware
from tests.deploy.flashers.hearing import Heard
from tests.harness import free_port
from tests.quantize.models import model_of

PROJECT, LEARN, VERSION = 1, 7, 3


@dataclass(frozen=True)
class KMeans:
    """A model, its C, and rows with what it makes of them."""

    model: FirmwareModel
    sources: list[Path]
    inputs: bytes
    scores: bytes


@pytest.fixture(scope="module")
def kmeans(tmp_path_factory: pytest.TempPathFactory) -> KMeans:
    folder = tmp_path_factory.mktemp("kmeans")
    floats, rows = model_of("kmeans", 4, 8)
    integer = quantize(floats, rows, bits=8, headroom=2.0)
    integer.save(folder / "model.npz")
    tested = vectors(integer, rows)
    model = anomaly_model(read(folder / "model.npz"), "press", tested)
    (folder / "press.h").write_text(model.header)
    (folder / "press.c").write_text(model.source)
    (folder / "glue.c").write_text(model.glue(PROJECT, LEARN, VERSION, bytes(32)))
    return KMeans(
        model,
        [folder / "glue.c", folder / "press.c"],
        tested.inputs.astype(np.int8).tobytes(),
        tested.score_q.astype("<i4").tobytes(),
    )


def check(port: str, kmeans: KMeans) -> None:
    """Ask the board what it runs, and have it score every row."""
    with SerialLink(port) as link:
        session = BoardSession(link)
        info = session.info()
        assert (info.project_id, info.learn_id, info.version) == (PROJECT, LEARN, VERSION)
        assert info.source == "factory"
        blob = kmeans.model.blob(PROJECT, LEARN, VERSION)
        assert info.digest == blob.digest().hex()
        assert verify(session, info, blob) == len(kmeans.model.inputs)
        assert session.run(kmeans.inputs, info) == kmeans.scores


def test_by_stm32flash_and_an3155(kmeans: KMeans, tmp_path: Path) -> None:
    layout = replace(LAYOUTS["M4F"], slots=AN3155_BOARD.flash[0] + 0x8_0000)
    elf = build_firmware(
        (AN3155_BOARD, layout), tmp_path / "firmware.elf", model=kmeans.sources, flags=kmeans.model.flags
    )
    heard = Heard()
    with an3155() as url:
        flash("stm32flash", url, images_of(elf), read_options("stm32flash"), heard)
        check(url, kmeans)
    heard.check()


def test_by_avrdude_and_an_arduinos_bootloader(kmeans: KMeans, tmp_path: Path) -> None:
    image = build_avr(tmp_path / "firmware.hex", model=kmeans.sources, flags=kmeans.model.flags[:1])
    options = read_options("avrdude", {"part": "m328p", "baud": 57600, "room": 0x7800})
    heard = Heard()
    with arduino() as (device, _):
        flash("avrdude", device, {"hex": image}, options, heard)
        check(device, kmeans)
    heard.check()


def test_by_gdb_and_an_emulators_server(kmeans: KMeans, tmp_path: Path) -> None:
    elf = build_firmware("M4F", tmp_path / "firmware.elf", model=kmeans.sources, flags=kmeans.model.flags)
    server = f"127.0.0.1:{free_port()}"
    options = read_options("gdb", {"server": server, "reset": "system_reset"})
    heard = Heard()
    with qemu("mps2-an386", "-S", "-gdb", f"tcp:{server}") as (url, _):
        flash("gdb", url, images_of(elf), options, heard)
        check(url, kmeans)
    heard.check()
