"""Facts about boards: ours hold together, the user's are read strictly."""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

import msgspec
import pytest

from daemon.deploy import ways
from daemon.deploy.boards import FOLDER, Board, load_boards, read_board
from daemon.deploy.ways import FIRMWARE
from daemon.errors import DeployError

PAGE = (Path(__file__).parents[2] / "docs" / "boards.md").read_text()
GOOD = (FOLDER / "microbit.toml").read_text()


def test_options_of_our_flashers_are_theirs(tmp_path: Path) -> None:
    for path in FOLDER.iterdir():
        # The user's files are checked more closely: ours stand that too.
        copy = tmp_path / path.name
        copy.write_text(path.read_text())
        assert read_board(copy) == read_board(path)


def test_a_folder_adds_boards_and_overrides_ours(tmp_path: Path) -> None:
    (tmp_path / "microbit.toml").write_text(GOOD.replace("first version", "our own"))
    (tmp_path / "press.toml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("no board")
    boards = load_boards(tmp_path)
    assert "our own" in boards["microbit"].title
    assert boards["press"].name == "press"
    assert set(boards) == {*load_boards(), "press"}


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ('core = "cortex-m0"', 'cores = "cortex-m0"', "cores: unknown member"),
        ('core = "cortex-m0"', "", "core: is required and missing"),
        ("size = 0x4000 ", 'size = "16 KB" ', "ram.size: expected `int`, got `str`"),
        ("size = 0x4000 ", "size = 0 ", "ram.size: expected `int` >= 1"),
        ('"arm-none-eabi-gcc"', '"armcc"', "compiler: there is no 'armcc': take one of arm-none-eabi-gcc"),
        ('"arm-none-eabi-gcc"', '"avr-gcc"', "compiler: hardware layer nrf51 is built with arm-none-eabi"),
        ('hal = "nrf51"', 'hal = "nrf53"', "hal: there is no hardware layer 'nrf53': take one of cmsdk"),
        ('hal = "nrf51"', 'hal = "cmsdk"', "defines.UART: is required by hardware layer cmsdk, and missing"),
        ('hal = "nrf51"', "", "slots: only firmware with a hardware layer that places them has slots"),
        ("origin = 0x30000", "origin = 0x30001", "slots.origin: is no multiple of 1024 (page)"),
        ("size = 0x7800", "size = 0x8000", "slots.origin: two slots and two journals end at 0x40800, the fl"),
        ("[flashers.gdb]", "[flashers.dd]", "flashers.dd: there is no such flasher: take one of avrdude"),
        ("[flashers.gdb]", "[flashers.gdb]\nspeed = 4", "flashers.gdb.speed: is no option: take one of"),
        ("[flashers.gdb]", "[flashers.gdb]\nreset = 4", "flashers.gdb.reset: expected `str`, got `int`"),
        ("page = 0x400", "page = ", "cannot be read as facts of a board"),
        ("page = 0x400", 'page = 0x400\nname = "x"', "name: is that of the file: leave it out"),
    ],
)
def test_a_mistake_is_told_with_file_and_key(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    path = tmp_path / "press.toml"
    assert right in GOOD
    path.write_text(GOOD.replace(right, wrong))
    with pytest.raises(DeployError) as caught:
        load_boards(tmp_path)
    assert caught.value.message.startswith(f"{path}: {told}")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="no boards can be read from there"):
        load_boards(tmp_path / "boards")


def test_the_page_tells_of_every_board_and_every_key() -> None:
    rows = []
    for name, board in sorted(load_boards().items()):
        slots = "none" if board.slots is None else f"2 of {board.slots.size:,} bytes"
        flashers = ", ".join(f"`{flasher}`" for flasher in board.flashers)
        memory = f"{board.program_flash:,} bytes | {board.ram.size:,} bytes"
        firmware = "yes" if board.hal else "no"
        rows.append(
            f"| `{name}` | {board.title} | {board.core} | {memory} | {slots} | {firmware} | {flashers} |"
        )
    assert "\n".join(rows) in PAGE
    keys = {field.name for field in msgspec.structs.fields(Board)} - {"name"}
    assert keys == set(re.findall(r"^\| `(\w+)` \| (?:required|none|`)", PAGE, re.MULTILINE))


def test_the_page_shows_a_good_board(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "press.toml").write_text(example)
    assert load_boards(tmp_path)["press"].baud == 57600


def test_the_page_shows_a_good_sensor(tmp_path: Path) -> None:
    (example,) = re.findall(r"```c\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "sensor.c").write_text(textwrap.dedent(example))
    compiler = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{FIRMWARE / 'core'}"]
    subprocess.run(
        [*compiler, "-c", str(tmp_path / "sensor.c"), "-o", str(tmp_path / "sensor.o")], check=True
    )


def test_the_page_tells_what_a_build_is_told() -> None:
    variables = set(re.findall(r'"(TRAINERD_\w+)"', Path(ways.__file__).read_text()))
    assert variables == set(re.findall(r"^\| `(TRAINERD_\w+)`", PAGE, re.MULTILINE))
