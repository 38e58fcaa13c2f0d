"""Tools that run wild: their time, their output and their children are bounded."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

from daemon.deploy.flashers.complaints import Complaint
from daemon.deploy.flashers.flasher import Options, Reach, Task
from daemon.deploy.flashers.program import LOG_LINES, Program
from daemon.deploy.flashers.running import KEPT, LINE, run
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed, ToolMissing
from tests.deploy.flashers.hearing import Heard
from tests.harness import wait_until


def python(code: str, folder: Path, timeout_s: float = 60.0) -> tuple[int | None, str, list[str]]:
    lines: list[str] = []
    ended = run((sys.executable, "-c", code), folder, timeout_s, lines.append, lambda _: None)
    return ended.status, ended.output, lines


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
    return False


def test_a_tool_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    # A shell: it has started long before its time is over, on a busy machine too.
    stubborn = ("sh", "-c", "trap '' TERM; sleep 600 & echo $!; sleep 600")
    lines: list[str] = []
    ended = run(stubborn, tmp_path, 1.5, lines.append, lambda _: None)
    assert ended.status is None
    (pid,) = lines
    wait_until("the end of the child", lambda: not is_running(int(pid)))


def test_children_that_hold_the_output_do_not_hold_the_flasher(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
    )
    status, _, (pid,) = python(code, tmp_path)
    assert status == 0
    wait_until("the end of the child", lambda: not is_running(int(pid)))


def test_output_is_kept_from_its_end_and_lines_are_cut(tmp_path: Path) -> None:
    status, output, lines = python(f"print('x' * {2 * KEPT}); print('the last word')", tmp_path)
    assert status == 0
    assert output.endswith("the last word\n")
    assert len(output) <= KEPT
    assert max(map(len, lines)) <= LINE


def test_it_is_spoken_to_in_english_and_without_a_terminal(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['LC_ALL'], sys.stdin.read(), os.getcwd())"
    _, _, (said,) = python(code, tmp_path)
    assert said.split() == ["C.UTF-8", str(tmp_path)]


def program(code: str, **more: object) -> Program:
    """A flasher whose tool is a Python program."""
    facts = {
        "name": "stand-in",
        "program": Path(sys.executable).name,
        "install": "apt-get install stand-in",
        "formats": ("bin",),
        "options": Options,
        "reach": Reach.USB,
        "verifies": True,
        "erases": False,
        "resets": True,
        "reads": False,
        "steps": lambda task: (("-c", code),),
        "written": "all is well",
        "progress": lambda line: float(line[:-1]) / 100 if line.endswith("%") else None,
        "complaints": (
            Complaint("no room for (?P<size>[0-9]+)", BoardRefused, "{size} bytes are too many for {port}"),
        ),
    }
    return Program(**{**facts, **more})  # type: ignore[arg-type]


def write(tool: Program, folder: Path, **options: float) -> Heard:
    heard = Heard()
    task = Task("/dev/board", "image.bin", 1, folder, Options(**options))  # type: ignore[arg-type]
    tool.write(task, heard)
    return heard


def test_progress_rises_over_all_steps(tmp_path: Path) -> None:
    code = "print('10%\\r50%\\r20%\\r100%\\nall is well')"
    heard = write(program(code, steps=lambda task: (("-c", code),) * 2), tmp_path)
    assert heard.fractions == [0.05, 0.25, 0.5, 0.55, 0.75, 1.0]
    assert heard.lines == ["all is well"] * 2


def test_a_talkative_tool_does_not_fill_the_log(tmp_path: Path) -> None:
    heard = write(program("print('word\\n' * 100_000); print('all is well')"), tmp_path)
    assert len(heard.lines) == LOG_LINES + 1


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        ("print('no room for 77'); exit(1)", BoardRefused, "77 bytes are too many for /dev/board"),
        ("print('open: Permission denied'); exit(1)", BoardUnreachable, "systemd/70-trainerd.rules"),
        ("print('Device or resource busy'); exit(1)", BoardUnreachable, "fuser -v /dev/board"),
        ("print('read: Input/output error'); exit(1)", BoardUnreachable, "went away while it was used"),
        ("print('well'); print('hm'); exit(3)", FlashFailed, "status 3; its last words: well / hm"),
        # A tool that says that it has done it, by its status alone.
        ("print('fine')", FlashFailed, "status 0; its last words: fine"),
    ],
)
def test_a_failure_says_what_to_do(tmp_path: Path, code: str, error: type[FlashFailed], says: str) -> None:
    with pytest.raises(error, match=says) as failed:
        write(program(code), tmp_path)
    assert type(failed.value) is error
    assert failed.value.message.startswith("stand-in: ")
    assert failed.value.details is not None
    assert failed.value.details["output"]


def test_a_hanging_tool_is_told_with_the_time(tmp_path: Path) -> None:
    with pytest.raises(FlashFailed, match=r"longer than 0\.5 s"):
        write(program("import time; time.sleep(600)"), tmp_path, timeout_s=0.5)


def test_a_missing_tool_is_told_with_how_to_install_it(tmp_path: Path) -> None:
    tool = program("", program="no-such-tool")
    with pytest.raises(ToolMissing, match="no-such-tool is not installed: apt-get install stand-in"):
        write(tool, tmp_path)
    assert tool.version() is None


def test_a_tool_beside_the_interpreter_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one from PyPI is, in the environment of a daemon that systemd has started."""
    monkeypatch.setenv("PATH", os.devnull)
    assert program("").path() is not None
