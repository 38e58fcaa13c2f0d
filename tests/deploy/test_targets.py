"""Targets and the facts of their boards: mistakes with their lines, and what each target can do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.config_file import load
from daemon.deploy.targets import check_targets, describe_targets
from daemon.errors import ConfigError
from tests.cli.command import result_of, trainerd

HEAD = '[device]\nid = "a"\n[mqtt]\nhost = "h"\n[targets.press]\nport = "socket://127.0.0.1:1"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trainerd.toml"
    path.write_text(HEAD + text)
    return path


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            'board = "mps2-an368"',
            7,
            "targets.press.board: 'mps2-an368' is unknown, did you mean 'mps2-an386'?",
        ),
        ('board = "x"', 7, "targets.press.board: 'x' is unknown, known are arduino-mega, "),
        (
            'board = "atmega328p"\nflasher = "openocd"',
            8,
            "targets.press.flasher: atmega328p is not flashed with 'openocd': known are avrdude",
        ),
        (
            'board = "atmega328p"\nflasher_options = { parts = "m328p" }',
            8,
            "targets.press.flasher_options: options of flasher avrdude: ",
        ),
        (
            'board = "mps2-an386"\nmethod = "firmware"',
            5,
            "targets.press.flasher_options: options of flasher gdb: ",
        ),
        ('board = "atmega328p"\nmethod = "slot"', 8, "targets.press.method: is slot, and the firmware of"),
        (
            'board = "microbit"\napplication = "/nowhere"',
            8,
            "targets.press.application: there is no directory",
        ),
        ('board = "microbit"\nbuild = ["no-such-make"]', 8, "targets.press.build: there is no program"),
        ('board = "microbit"\nbuild = []', 8, "targets.press.build: there is no program"),
        (
            'board = "microbit"\n[deploy]\nboards_dir = "/nowhere"',
            9,
            "deploy.boards_dir: /nowhere: no boards",
        ),
    ],
)
def test_what_boards_cannot_be_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        check_targets(path, load(path))
    assert refused.value.message.startswith(f"{path}:{line}: {said}"), refused.value.message


def test_the_command_says_it_and_the_daemon_does_not_start(tmp_path: Path) -> None:
    path = write(tmp_path, 'board = "x"')
    with pytest.raises(ConfigError) as refused:
        check_targets(path, load(path))
    for command in (["-m", "daemon", "check-config", str(path)], ["-m", "daemon.app", "--config", str(path)]):
        ended = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stderr.strip()) == (2, refused.value.message)


def test_a_target_says_what_it_can_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    path = write(
        tmp_path,
        'board = "mps2-an386"\ngroups = ["line"]\n'
        '[targets.uno]\nboard = "atmega328p"\nport = "/dev/ttyUSB9"\n'
        '[targets.valve]\nboard = "microbit"\nport = "/dev/ttyUSB8"\nmethod = "slot"\n',
    )
    press, uno, valve = describe_targets(load(path))
    assert (press["name"], press["core"], press["groups"]) == ("press", "cortex-m4f", ["line"])
    # Without its tools a board has its slots still.
    assert (press["methods"], press["available"], press["flasher"]) == (["slot"], True, "gdb")
    assert "apt-get install gcc-arm-none-eabi" in press["reason"]
    assert (uno["methods"], uno["available"]) == ([], False)
    assert "has no slots" in uno["reason"] and "apt-get install gcc-avr" in uno["reason"]
    assert (valve["methods"], "reason" in valve) == (["slot"], False)
    assert valve["flashBytes"] == 262144 and valve["slotBytes"] == 0x7800


def test_the_daemon_s_boards_can_be_listed_and_added_to(tmp_path: Path) -> None:
    boards = tmp_path / "boards"
    boards.mkdir()
    facts = (
        'title = "Ours"\ncore = "cortex-m0"\npage = 1024\nflash = { origin = 0, size = 65536 }\n'
        "ram = { origin = 0x20000000, size = 8192 }\n"
    )
    (boards / "ours.toml").write_text(facts)
    path = write(tmp_path, f'board = "ours"\n[deploy]\nboards_dir = "{boards}"\n')
    check_targets(path, load(path))
    listed = result_of(trainerd("targets", "--boards", "--json", config=path))
    found = {board["board"]: board for board in listed}
    assert found["ours"]["ramBytes"] == 8192 and found["microbit"]["core"] == "cortex-m0"
    assert "avrdude" in found["atmega328p"]["flashers"]


def test_doctor_tells_what_targets_lack(tmp_path: Path) -> None:
    uno = f'[targets.uno]\nboard = "atmega328p"\nport = "{tmp_path}/ttyACM0"\n'
    path = write(tmp_path, f'board = "microbit"\nmethod = "slot"\n{uno}')
    path.write_text(f'runtime_dir = "{tmp_path}"\n{path.read_text()}')
    told = result_of(trainerd("doctor", "--json", config=path, environment={"PATH": "/nonexistent"}))
    found = {finding["name"]: finding for finding in told}
    assert found["press"]["available"] and "microbit, cortex-m0: slot" in found["press"]["detail"]
    assert not found["uno"]["available"] and "apt-get install gcc-avr" in found["uno"]["remedy"]
    assert f"{tmp_path}/ttyACM0 is not there" in found["uno's port"]["detail"]
    assert "apt-get install avrdude" in found["avrdude"]["remedy"]
    assert "trainerd run" in found["ports process"]["remedy"]


def test_commands_without_a_daemon_do_without_the_facts_of_boards(tmp_path: Path) -> None:
    path = write(tmp_path, 'board = "x"\n')
    path.write_text(f'runtime_dir = "{tmp_path}"\nstate_dir = "{tmp_path}/state"\n{path.read_text()}')
    assert result_of(trainerd("jobs", "--json", config=path)) == []
    (told,) = result_of(trainerd("targets", "--json", config=path))
    assert (told["name"], told["available"], told["state"]["online"]) == ("press", False, False)
    assert "there is no board 'x'" in trainerd("targets", config=path).stdout
