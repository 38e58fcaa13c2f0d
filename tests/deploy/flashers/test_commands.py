"""What each tool is told, word for word."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from daemon.deploy.flashers.flasher import Task
from daemon.deploy.flashers.table import read_options
from tests.deploy.flashers.programs import PROGRAMS, program

#: Options of a board for each tool, as its facts have them.
BOARDS: dict[str, dict[str, Any]] = {
    "avrdude": {"part": "m328p"},
    "esptool": {"chip": "esp32c3"},
    "gdb": {"server": "127.0.0.1:3333"},
    "openocd": {"config": ["interface/stlink.cfg", "target/stm32f4x.cfg"]},
    "picotool": {},
    "pyocd": {"target": "stm32f407vg"},
    "stm32flash": {},
}


def task(name: str, folder: Path, *, image: str, port: str = "/dev/mcu/press", **options: Any) -> Task[Any]:
    return Task(port, image, 0x4000, folder, read_options(name, BOARDS[name], options))


@pytest.mark.parametrize(
    ("name", "image", "options", "wanted"),
    [
        (
            "avrdude",
            "image.hex",
            {},
            ["-p m328p -c arduino -P /dev/mcu/press -b 115200 -D -U flash:w:image.hex:i"],
        ),
        (
            "avrdude",
            "image.elf",
            {"programmer": "usbasp", "bitclock_us": 10, "erase": True},
            ["-p m328p -c usbasp -P /dev/mcu/press -b 115200 -B 10 -e -U flash:w:image.elf:e"],
        ),
        (
            "esptool",
            "image.bin",
            {},
            [
                (
                    "--chip esp32c3 --port /dev/mcu/press --baud 460800 --before default-reset --after "
                    "hard-reset "
                    "write-flash --flash-size keep 0x10000 image.bin"
                )
            ],
        ),
        (
            "esptool",
            "image.bin",
            {"address": 0, "baud": 115200, "stub": False, "before": "no-reset", "erase": True},
            [
                (
                    "--chip esp32c3 --port /dev/mcu/press --baud 115200 --no-stub --before no-reset --after "
                    "hard-reset "
                    "write-flash --flash-size keep --erase-all 0x0 image.bin"
                )
            ],
        ),
        ("gdb", "image.elf", {}, ["-q -nx -batch -x load.gdb image.elf"]),
        (
            "openocd",
            "image.hex",
            {},
            [
                (
                    "-c 'gdb_port disabled; tcl_port disabled; telnet_port disabled' "
                    "-f interface/stlink.cfg -f target/stm32f4x.cfg -c 'program image.hex verify reset exit'"
                )
            ],
        ),
        (
            "openocd",
            "image.bin",
            {"probe": "066DFF", "speed_khz": 1000, "erase": True},
            [
                (
                    "-c 'gdb_port disabled; tcl_port disabled; telnet_port disabled' "
                    "-f interface/stlink.cfg -f target/stm32f4x.cfg -c 'adapter serial {066DFF}' "
                    "-c 'adapter speed 1000' -c init -c 'reset init' -c 'flash erase_sector 0 0 last' "
                    "-c 'program image.bin verify reset exit 0x08000000'"
                )
            ],
        ),
        ("picotool", "image.elf", {}, ["load -v -x image.elf -f"]),
        (
            "picotool",
            "image.bin",
            {"serial": "E66118C4E3"},
            ["load -v -x image.bin -o 0x10000000 --ser E66118C4E3 -f"],
        ),
        (
            "pyocd",
            "image.bin",
            {"probe": "0240000034544e45", "frequency": "4M"},
            [
                (
                    "load --no-config --no-wait --target stm32f407vg --uid 0240000034544e45 --frequency 4M "
                    "--erase sector --base-address 0x08000000 image.bin"
                ),
                (
                    "commander --no-config --no-wait --target stm32f407vg --uid 0240000034544e45 "
                    "--frequency 4M "
                    "--halt -c 'compare 0x08000000 image.bin' -c reset"
                ),
            ],
        ),
        (
            "stm32flash",
            "image.bin",
            {},
            ["-b 115200 -m 8e1 -S 0x08000000 -w image.bin -v -g 0x08000000 /dev/mcu/press"],
        ),
        (
            "stm32flash",
            "image.bin",
            {"sequence": "rts,-dtr:-rts,dtr", "baud": 57600},
            [
                (
                    "-b 57600 -m 8e1 -i rts,-dtr:-rts,dtr -S 0x08000000 -w image.bin -v -g 0x08000000 "
                    "/dev/mcu/press"
                )
            ],
        ),
    ],
)
def test_what_a_tool_is_told_to_write(
    name: str, image: str, options: dict[str, Any], wanted: list[str], tmp_path: Path
) -> None:
    steps = program(name).steps(task(name, tmp_path, image=image, **options))
    assert [list(step) for step in steps] == [shlex.split(each) for each in wanted]


def test_what_gdb_is_told(tmp_path: Path) -> None:
    program("gdb").steps(task("gdb", tmp_path, image="image.elf", reset="reset"))
    assert (tmp_path / "load.gdb").read_text().splitlines() == [
        "set confirm off",
        "set tcp auto-retry off",
        "set remotetimeout 30",
        "target extended-remote 127.0.0.1:3333",
        "load",
        "compare-sections",
        "monitor reset",
        "detach",
    ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("avrdude", "-p m328p -c arduino -P /dev/mcu/press -b 115200 -U flash:r:image.bin:r"),
        (
            "esptool",
            (
                "--chip esp32c3 --port /dev/mcu/press --baud 460800 --before default-reset --after "
                "hard-reset "
                "read-flash 0x10000 0x4000 image.bin"
            ),
        ),
        (
            "openocd",
            (
                "-c 'gdb_port disabled; tcl_port disabled; telnet_port disabled' "
                "-f interface/stlink.cfg -f target/stm32f4x.cfg -c init -c 'reset halt' "
                "-c 'dump_image image.bin 0x08000000 0x4000' -c 'reset run' -c shutdown"
            ),
        ),
        ("picotool", "save -r 0x10000000 0x10004000 image.bin -f"),
        (
            "pyocd",
            (
                "commander --no-config --no-wait --target stm32f407vg --halt "
                "-c 'savemem 0x08000000 0x4000 image.bin' -c reset"
            ),
        ),
        ("stm32flash", "-b 115200 -m 8e1 -S 0x08000000:0x4000 -r image.bin /dev/mcu/press"),
    ],
)
def test_what_a_tool_is_told_to_read(name: str, wanted: str, tmp_path: Path) -> None:
    tool = program(name)
    assert tool.backup is not None
    steps = tool.backup(task(name, tmp_path, image="image.bin"))
    assert [list(step) for step in steps] == [shlex.split(wanted)]


def test_exactly_those_that_read_have_a_way_to() -> None:
    for name in PROGRAMS:
        assert program(name).reads == (program(name).backup is not None), name
