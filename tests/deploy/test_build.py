"""Firmware with a model in it: told too large before it is built, built by real compilers, run on boards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from daemon.deploy import build as building
from daemon.deploy.board_session import BoardSession
from daemon.deploy.boards import Board, load_boards
from daemon.deploy.build import Firmware, build_firmware, check_budget
from daemon.deploy.compilers import COMPILERS
from daemon.deploy.hals import HALS
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.update import verify
from daemon.deploy.ways import FIRMWARE, choose
from daemon.errors import BuildFailed, DeployError, ModelTooLarge, ToolMissing
from daemon.quantize.anomaly import quantize
from daemon.quantize.vectors import vectors
from daemon.wire.worker import Log
from firmware_export.figures import Figures
from firmware_export.firmware_model import FirmwareModel, anomaly_model, network_model
from firmware_export.read_anomaly import read
from hw_tests.boards.avr import simulated
from hw_tests.boards.emulated import emulated
from hw_tests.network_shapes import Chain
from tests.quantize.models import model_of

KEY = bytes(range(32))
IDENTITY = (5, 7, 3)
BOARDS = load_boards()
CORES = {"microbit": "M0", "mps2-an385": "M3", "mps2-an386": "M4F", "mps2-an500": "M7", "mps3-an547": "M55"}


def anomaly(folder: Path, kind: str, bits: int, name: str = "press") -> FirmwareModel:
    model, rows = model_of(kind, 4, 8)
    integer = quantize(model, rows, bits=bits, headroom=2.0)
    integer.save(folder / f"{kind}.npz")
    return anomaly_model(read(folder / f"{kind}.npz"), name, vectors(integer, rows))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FirmwareModel]:
    folder = tmp_path_factory.mktemp("models")
    dense = Chain((1, 33), 0).dense(20).dense(10).dense(4).softmax().finish()
    return {
        "kmeans": anomaly(folder, "kmeans", 8),
        "gmm": anomaly(folder, "gmm", 16),
        "dense": network_model(dense, "press", tuple("abcd")),
    }


def built(board: Board, model: FirmwareModel, folder: Path, **how: object) -> Firmware:
    folder.mkdir(exist_ok=True)
    told: dict[str, object] = {"identity": IDENTITY, "public_key": KEY, "hear": lambda _: None, **how}
    return build_firmware(board, model, folder, **told)  # type: ignore[arg-type]


def answers(board: Board, firmware: Firmware, model: FirmwareModel) -> None:
    """The firmware runs, says what it is, and computes what the model does."""
    on = (
        simulated(firmware.images["hex"])
        if board.core == "avr"
        else emulated(CORES[board.name], firmware.images["elf"])
    )
    with on as peer, SerialLink(peer.url) as link:
        session = BoardSession(link)
        info = session.info()
        assert (info.board, info.name, info.source) == (board.name, "press", "factory")
        assert (info.project_id, info.learn_id, info.version) == IDENTITY
        assert bytes.fromhex(info.digest) == model.blob(*IDENTITY).digest()
        assert verify(session, info, model.blob(*IDENTITY)) == len(model.inputs)


@pytest.mark.parametrize(
    ("name", "which"),
    [*((name, which) for name in CORES for which in ("kmeans", "dense")), ("mps2-an386", "gmm"),
     ("microbit", "gmm"), ("atmega328p", "kmeans"), ("atmega328p", "gmm")],
)  # fmt: skip
def test_what_is_built_runs_and_took_no_more_than_was_told(
    name: str, which: str, models: dict[str, FirmwareModel], tmp_path: Path
) -> None:
    board, model = BOARDS[name], models[which]
    hal = HALS[board.hal or ""]
    check_budget(board, model.figures)
    firmware = built(board, model, tmp_path)
    assert firmware.images.keys() == {"elf", "hex", "bin"}
    assert firmware.sections.keys() >= {".text", ".bss"}
    assert sum(firmware.sections.values()) >= firmware.flash_bytes
    told = hal.flash + model.figures.flash
    # Not below what is taken, nor so far above that models are refused that fit.
    assert told - 6144 < firmware.flash_bytes <= told
    assert firmware.ram_bytes is not None
    constants = model.figures.parameters if COMPILERS[hal.compiler].constants_in_ram else 0
    told = hal.ram + constants + model.figures.ram
    assert told - 1024 < firmware.ram_bytes + hal.stack <= told
    assert firmware.flash_bytes <= firmware.images["bin"].stat().st_size <= firmware.flash_bytes + 8
    assert KEY in firmware.images["bin"].read_bytes()
    answers(board, firmware, model)


@pytest.mark.parametrize("name", ["mps2-an386", "atmega328p"])
def test_the_same_input_gives_the_same_bytes(
    name: str, models: dict[str, FirmwareModel], tmp_path: Path
) -> None:
    first, second = (built(BOARDS[name], models["kmeans"], tmp_path / folder) for folder in ("a", "b"))
    for form, path in first.images.items():
        assert path.read_bytes() == second.images[form].read_bytes(), form


@pytest.mark.parametrize("name", ["model", "glue", "slots"])
def test_a_model_may_be_called_as_a_file_of_the_firmware(name: str, tmp_path: Path) -> None:
    model = anomaly(tmp_path, "kmeans", 8, name)
    firmware = built(BOARDS["mps2-an386"], model, tmp_path / "build")
    with emulated("M4F", firmware.images["elf"]) as peer, SerialLink(peer.url) as link:
        session = BoardSession(link)
        assert verify(session, session.info(), model.blob(*IDENTITY)) == len(model.inputs)


def test_a_model_that_is_too_large_is_told_before_anything_is_compiled() -> None:
    figures = Figures(250_000, 4_000, 12_000, 600, 400, 1, ())
    with pytest.raises(ModelTooLarge) as caught:
        check_budget(BOARDS["microbit"], figures)
    flash, ram = (254_000 + HALS["nrf51"].flash, 13_000 + HALS["nrf51"].ram)
    assert f"needs {flash:,} bytes of flash of 196,608 and {ram:,} bytes of RAM of 16,384" in str(
        caught.value
    )
    assert caught.value.details == {
        "flashNeeded": flash,
        "flashThere": 0x30000,
        "ramNeeded": ram,
        "ramThere": 0x4000,
    }
    # Nothing is known of somebody else's firmware.
    check_budget(BOARDS["nrf52840-dk"], figures)
    # An AVR has its constants in RAM too.
    with pytest.raises(ModelTooLarge, match="bytes of RAM of 2,048"):
        check_budget(BOARDS["atmega328p"], Figures(1_000, 1_000, 0, 32, 64, 1, ()))


def test_the_linker_has_the_last_word(models: dict[str, FirmwareModel], tmp_path: Path) -> None:
    board = BOARDS["mps2-an386"]
    tiny = msgspec.structs.replace(board, ram=msgspec.structs.replace(board.ram, size=2048))
    with pytest.raises(ModelTooLarge, match=r"does not fit mps2-an386: no room for the stack"):
        built(tiny, models["kmeans"], tmp_path / "ram")
    small = msgspec.structs.replace(board, slots=None, flash=msgspec.structs.replace(board.flash, size=8192))
    with pytest.raises(ModelTooLarge, match=r"region `FLASH' overflowed by \d+ bytes"):
        built(small, models["kmeans"], tmp_path / "flash")
    avr = BOARDS["atmega328p"]
    less = msgspec.structs.replace(avr, ram=msgspec.structs.replace(avr.ram, size=1024))
    with pytest.raises(ModelTooLarge, match=r"takes 1,\d+ bytes of RAM, atmega328p has room for 1,024"):
        built(less, models["kmeans"], tmp_path / "avr")


def test_the_commands_of_the_reference_firmware(models: dict[str, FirmwareModel], tmp_path: Path) -> None:
    way = choose(BOARDS["microbit"], models["kmeans"], tmp_path, None, (), None)
    core, model, link = (step.argv for step in way.steps)
    common = (
        *("arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mfloat-abi=soft", "-mthumb", "-std=c99"),
        *(
            "-DPRESS_UPDATABLE",
            "-DFW_BUFFER=512",
            '-DBOARD_NAME="microbit"',
            "-DFW_SENSOR=1",
            "-DFW_MLPERF=1",
            f"-I{FIRMWARE / 'core'}",
        ),
    )
    sections = ("-ffunction-sections", "-fdata-sections")
    smallest = (
        *("-Os", "-flto", *sections),
        *("-fno-expensive-optimizations", "-fno-move-loop-invariants", "-fno-inline-small-functions"),
    )
    layer = ("cortex_m.c", "cortex_m_bytes.c", "nrf51.c", "test_signal.c")
    sources = [*sorted((FIRMWARE / "core").glob("*.c")), *(FIRMWARE / "boards" / name for name in layer)]
    assert core == (*common, *smallest, "-c", *map(str, sources))
    assert model == (*common, "-O2", *sections, "-c", "press.c", "glue.c")
    assert [step.folder for step in way.steps] == ["core", "model", "."]
    stack = 1536 + 96
    assert link == (
        *("arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mfloat-abi=soft", "-mthumb", *smallest),
        *("-s", *(f"core/{path.stem}.o" for path in sources), "model/press.o", "model/glue.o"),
        *("-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--no-warn-rwx-segments"),
        *("-Wl,--gc-sections", f"-Wl,-T,{FIRMWARE / 'boards' / 'cortex_m.ld'}"),
        *("-Wl,--defsym=FLASH_ORIGIN=0x0", "-Wl,--defsym=FLASH_LENGTH=0x30000"),
        *("-Wl,--defsym=RAM_ORIGIN=0x20000000", "-Wl,--defsym=RAM_LENGTH=0x4000"),
        *("-Wl,--defsym=SLOTS_ORIGIN=0x30000", "-Wl,--defsym=SLOT_LENGTH=0x7800"),
        *("-Wl,--defsym=JOURNAL_LENGTH=0x400", f"-Wl,--defsym=STACK_LENGTH={stack:#x}", "-o", "firmware.elf"),
    )


def test_an_avr_goes_without_what_belongs_to_slots(models: dict[str, FirmwareModel], tmp_path: Path) -> None:
    way = choose(BOARDS["atmega328p"], models["kmeans"], tmp_path, None, (), None)
    core, _, link = (step.argv for step in way.steps)
    assert core[:9] == (
        *("avr-gcc", "-mmcu=atmega328p", "-std=gnu99", "-DPRESS_UPDATABLE", "-DFW_BUFFER=352"),
        *('-DBOARD_NAME="atmega328p"', "-DFW_SENSOR=0", "-DFW_MLPERF=0", "-DF_CPU=16000000UL"),
    )
    assert not {Path(word).name for word in core} & {"ed25519.c", "unpack.c", "upload.c", "test_signal.c"}
    assert link[-3:] == ("-Wl,--gc-sections", "-o", "firmware.elf")


_SENSOR = """#include "hal.h"
#include "press.h"
int hal_sample(float *row, unsigned values)
{
  for (unsigned i = 0; i < values; i++) row[i] = 42.0f;
  return values == PRESS_INPUT_LEN;
}
"""


def test_a_sensor_of_the_users_takes_the_place_of_the_test_signal(
    models: dict[str, FirmwareModel], tmp_path: Path
) -> None:
    application = tmp_path / "application"
    application.mkdir()
    (application / "sensor.c").write_text(_SENSOR)
    firmware = built(BOARDS["mps2-an386"], models["kmeans"], tmp_path / "build", application=application)
    with emulated("M4F", firmware.images["elf"]) as peer, SerialLink(peer.url) as link:
        session = BoardSession(link)
        session.sample_every(1)
        rows = b""
        while not rows:
            rows = session.samples(0).inputs
        assert rows[:4] == bytes.fromhex("00002842")


_CMAKE = """cmake_minimum_required(VERSION 3.13)
project(own C)
add_executable(firmware.elf main.c ${TRAINERD_MODEL}/${TRAINERD_NAME}.c)
target_include_directories(firmware.elf PRIVATE ${TRAINERD_MODEL})
target_compile_definitions(firmware.elf PRIVATE ${TRAINERD_DEFINES} BOARD="${TRAINERD_BOARD}")
target_link_options(firmware.elf PRIVATE -nostartfiles --specs=nosys.specs -Wl,-e,main -Wl,-Ttext=0x08000000)
"""
_OWN = """#include "press.h"
static int8_t q[PRESS_INPUT_LEN];
const char board[] = BOARD;
int main(void) { return press_score_q(q) + board[0]; }
"""


@pytest.fixture
def application(tmp_path: Path) -> Path:
    folder = tmp_path / "application"
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(_CMAKE)
    (folder / "main.c").write_text(_OWN)
    return folder


def test_a_cmake_project_of_the_users(
    application: Path, models: dict[str, FirmwareModel], tmp_path: Path
) -> None:
    board = BOARDS["nucleo-f411re"]
    firmware = built(board, models["kmeans"], tmp_path / "build", application=application)
    assert firmware.images.keys() == {"elf", "hex", "bin"}
    assert b"nucleo-f411re" in firmware.images["bin"].read_bytes()
    assert firmware.images["hex"].read_text().startswith(":020000040800F2")
    assert not list(application.glob("build*"))
    (application / "main.c").write_text(_OWN.replace("return", "retrun"))
    with pytest.raises(BuildFailed, match=r"cmake failed \(status \d+\): .*main\.c:4:\d+: error: .*retrun"):
        built(board, models["kmeans"], tmp_path / "wrong", application=application)


def test_a_command_of_the_users(models: dict[str, FirmwareModel], tmp_path: Path) -> None:
    application = tmp_path / "own application; not a shell's"
    application.mkdir()
    script = application / "build.sh"
    script.write_text(
        'echo "building $TRAINERD_NAME for $TRAINERD_BOARD: $1"\ncat "$TRAINERD_MODEL"/press.h > own.bin'
    )
    heard: list[Log] = []
    firmware = built(
        BOARDS["esp32-c3"],
        models["kmeans"],
        tmp_path / "build",
        application=application,
        command=["sh", str(script), "$(reboot)"],
        result="own.bin",
        hear=heard.append,
    )
    assert "building press for esp32-c3: $(reboot)" in [log.text for log in heard]
    assert firmware.images == {"bin": tmp_path / "build" / "own.bin"}
    assert firmware.flash_bytes == len(models["kmeans"].header)
    assert (firmware.ram_bytes, firmware.sections) == (None, {})


_FIRST_ERROR = "sh failed (status 4): x.c:3: error: no"


@pytest.mark.parametrize(
    ("command", "result", "error", "told"),
    [
        (["sh", "-c", "echo before; echo x.c:3: error: no; echo; exit 4"], None, BuildFailed, _FIRST_ERROR),
        (["sh", "-c", "exit 4"], None, BuildFailed, "sh failed (status 4): it said nothing"),
        (["true"], "own.bin", BuildFailed, "the build left no own.bin: name the file that it makes as the"),
        (["true"], "../own.bin", BuildFailed, "result: ../own.bin is not below the build's directory"),
        (["touch", "own.exe"], "own.exe", BuildFailed, "own.exe is no image that a flasher takes: they end"),
        (["touch", "own.elf"], "own.elf", BuildFailed, "own.elf is no ELF file"),
        (["no-such-builder"], None, ToolMissing, "no-such-builder is not installed: install it, or name an"),
        (["sleep", "60"], None, BuildFailed, "sleep took longer than 0.2 s and was ended"),
        ([], None, BuildFailed, "there is no reference firmware for esp32-c3: give the target an `appl"),
    ],
)  # fmt: skip
def test_a_build_that_fails_says_why(
    command: list[str],
    result: str | None,
    error: type[DeployError],
    told: str,
    models: dict[str, FirmwareModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(building, "TIMEOUT_S", 0.2 if command[:1] == ["sleep"] else 60)
    with pytest.raises(error) as caught:
        built(BOARDS["esp32-c3"], models["kmeans"], tmp_path / "build", command=command, result=result)
    assert caught.value.message.startswith(told)
    assert caught.value.stage == "build"


def test_a_compiler_that_is_missing_is_told_with_its_package(
    models: dict[str, FirmwareModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: Callable[[str], str | None] = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name.startswith("arm") else found(name))
    with pytest.raises(ToolMissing, match="arm-none-eabi-gcc is not installed: apt-get install gcc-arm-none"):
        built(BOARDS["microbit"], models["kmeans"], tmp_path / "build")


def test_a_model_that_does_not_compile_is_told_by_its_first_error(
    models: dict[str, FirmwareModel], tmp_path: Path
) -> None:
    wrong = replace(models["kmeans"], source=models["kmeans"].source + "int wrong = ;\n")
    with pytest.raises(BuildFailed, match=r"arm-none-eabi-gcc failed \(status 1\): press.c:\d+:\d+: error: "):
        built(BOARDS["microbit"], wrong, tmp_path / "build")
