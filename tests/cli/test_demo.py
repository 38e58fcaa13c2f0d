"""The demo as a stranger runs it: a program that shows a table and leaves nothing running."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import result_of, trainerd
from tests.harness import PATIENCE, wait_until


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short path: the name of a socket in it must not be longer than 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        yield Path(name)


def left_running(directory: Path) -> list[str]:
    """Command lines of processes that know of a directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(directory) in line:
            found.append(line)
    return found


def test_the_demo_trains_two_models_and_ends_all_that_it_started(tmp_path: Path) -> None:
    done = trainerd("demo", "--json", environment={"TMPDIR": str(tmp_path)})
    kmeans, gmm = result_of(done)
    for row in (kmeans, gmm):
        assert row["aucFloat"] > 0.9
        assert abs(row["aucInt8"] - row["aucFloat"]) <= 0.005
        assert row["aucC"] == pytest.approx(row["aucInt8"], abs=1e-6)
        assert row["cBytes"] > 0
        assert (Path(row["files"]) / "c" / f"{row['name']}.c").is_file()
    assert "post/api/1/jobs/train/anomaly/7" in done.stderr
    assert re.search(r"^K-means +(prepare|train|quantize|evaluate|export) \d+%", done.stderr, re.MULTILINE)
    assert left_running(tmp_path) == []


def test_the_demo_takes_rows_of_ones_own(tmp_path: Path) -> None:
    normal = [f"{i},{i % 7 + i / 500},{i * 3 % 11},A,ok" for i in range(180)]
    rows = normal + [f"{i},90,{i},B,leak" for i in range(20)]
    file = tmp_path / "rows.csv"
    file.write_text("timestamp,speed,load,shift,label\n" + "\n".join(rows) + "\n")
    done = trainerd("demo", "--csv", file, environment={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "rows.csv (without timestamp, shift): 2 features" in done.stderr
    assert "20 of them anomalies" in done.stderr
    assert re.search(r"^K-means +1\.0000 +1\.0000 +1\.0000 +\d+ +/", done.stdout, re.MULTILINE)


def test_the_demo_of_networks_reads_digits_down_to_the_c(tmp_path: Path) -> None:
    done = trainerd("demo", "--keras", "--json", environment={"TMPDIR": str(tmp_path)})
    (row,) = result_of(done)
    assert row["accuracyFloat"] > 0.95
    assert abs(row["accuracyInt8"] - row["accuracyFloat"]) <= 0.01
    # TensorFlow's interpreter rounds otherwise than microcontrollers in a few rows.
    assert row["accuracyC"] == pytest.approx(row["accuracyInt8"], abs=0.01)
    assert row["cBytes"] > 0
    for end in (".c", ".h", "_tflite.c", "_tflite.h"):
        assert (Path(row["files"]) / "c" / f"digits{end}").is_file()
    assert "post/api/1/jobs/train/keras/9" in done.stderr
    assert left_running(tmp_path) == []


def test_the_demo_of_boards_flashes_updates_and_rolls_back(tmp_path: Path) -> None:
    done = trainerd("demo", "--deploy", "--json", environment={"TMPDIR": str(tmp_path)})
    empty, newer, back = result_of(done)
    assert [row["method"] for row in (empty, newer, back)] == ["firmware", "slot", "slot"]
    assert [row["version"] for row in (empty, newer, back)] == [1, 2, 1]
    assert all(row["vectors"] > 0 for row in (empty, newer, back))
    assert newer["bytes"] < empty["bytes"] / 5
    assert left_running(tmp_path) == []


def test_the_demo_of_boards_says_what_it_takes(tmp_path: Path) -> None:
    environment = {"TMPDIR": str(tmp_path), "PATH": "/nonexistent"}
    done = trainerd("demo", "--deploy", environment=environment)
    assert done.returncode == 1
    assert "apt-get install qemu-system-arm gcc-arm-none-eabi" in done.stderr


def test_the_demo_of_networks_takes_no_rows_of_ones_own(tmp_path: Path) -> None:
    done = trainerd("demo", "--keras", "--csv", tmp_path / "rows.csv")
    assert done.returncode == 2
    assert "--keras goes alone" in done.stderr


def test_wrong_rows_are_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("name,label\nx,ok\ny,ok\n")
    done = trainerd("demo", "--csv", file, environment={"TMPDIR": str(tmp_path)})
    assert done.returncode == 2
    assert "no column holds numbers" in done.stderr
    file.write_text("a,b\n1,2\n3,nan\n")
    done = trainerd("demo", "--csv", file, environment={"TMPDIR": str(tmp_path)})
    assert done.returncode == 2
    assert "line 3, column b: nan is not a number" in done.stderr
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_ends_all_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        # A shell lets what it starts in the background ignore SIGINT, and so this test with all it starts.
        ["env", "--default-signal=INT", sys.executable, "-m", "daemon", "demo"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert first.startswith("broker on "), first
    assert len(left_running(tmp_path)) >= 1
    process.send_signal(number)
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(PATIENCE) == 1, said
    assert "stopped" in said
    wait_until("the demo's processes to end", lambda: not left_running(tmp_path))


def test_the_demos_broker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon.cli.demo_broker", "0"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE) == 0


def test_run_becomes_the_daemon(tmp_path: Path) -> None:
    config = tmp_path / "trainerd.toml"
    config.write_text(
        f'state_dir = "{tmp_path / "state"}"\nruntime_dir = "{tmp_path / "run"}"\n'
        '[device]\nid = "run"\n[mqtt]\nhost = "127.0.0.1"\nport = 1\n'
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon", "run", "--config", str(config)], stderr=log
        )
    try:
        wait_until("the local socket", (tmp_path / "run" / "trainerd.sock").exists)
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        assert b"daemon.app" in command
        assert json.loads(trainerd("jobs", "--json", config=config).stdout) == []
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


#: CPython would end by the signal itself: a KeyboardInterrupt within `exec` is never forgiven.
WHILE_A_CLASS_IS_MADE = "exec('import os, signal; os.kill(os.getpid(), signal.SIGINT)')"
#: CPython drops whatever is raised there.
IN_A_FINALIZER = (
    "type('Dying', (), {'__del__': lambda _: os.kill(os.getpid(), signal.SIGINT)})(); end_if_asked()"
)


@pytest.mark.parametrize("work", [WHILE_A_CLASS_IS_MADE, IN_A_FINALIZER])
def test_a_stop_ends_with_1_wherever_it_strikes(work: str) -> None:
    script = (
        "import os, signal\n"
        "from daemon import __main__\n"
        "from daemon.cli.ends import end_if_asked\n"
        f"def command(**_):\n    {work}\n"
        "__main__.trainerd = command\n"
        "__main__.main()\n"
    )
    done = subprocess.run(
        ["env", "--default-signal=INT", sys.executable, "-c", script], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.endswith("trainerd: stopped\n")
