"""What a sandbox tells is not trusted: lies, nonsense and floods end in an error, and nowhere else."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daemon.config import Expert
from daemon.errors import JobCanceled, SandboxUnavailable, ScriptFailed
from daemon.sandbox import view
from daemon.sandbox.session import Sandbox
from daemon.sandbox.start import WALLS, Link, Place, Wall
from daemon.wire.script import Bounds
from daemon.wire.worker import Log, Progress
from tests.harness import wait_until
from tests.sandbox.conftest import Behind, named, prepare

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"


@pytest.fixture
def walled(directory: Path) -> Behind:
    """A sandbox of the kind that starts fastest."""
    return prepare(directory, "namespaces")


def test_files_go_in_and_come_out_unchanged(walled: Behind) -> None:
    content = bytes(range(256)) * 5000
    sent = {"a": content, "empty": b"", "b": b"\n{}\n"}
    assert walled.run("made.update(files); made['c'] = b'c'", sent).files == {**sent, "c": b"c"}


def test_progress_is_heard(walled: Behind) -> None:
    walled.run(
        "from daemon.wire.worker import Progress\n"
        "teller.send(Progress('train', 0.5, epoch=3, epochs=6, metrics={'loss': 0.25}))"
    )
    (progress,) = [event for event in walled.heard if isinstance(event, Progress)]
    assert (progress.epoch, progress.epochs, progress.metrics) == (3, 6, {"loss": 0.25})


def test_whoever_runs_it_may_end_it(walled: Behind) -> None:
    """A job that is canceled: `tick` raises, and the process is gone."""
    heard: list[Log | Progress] = []
    bounds = Bounds(wall_s=60)
    place = Place([walled.directory / "modules"], walled.directory / "scratch", Path("/nowhere"), bounds)
    lines = (
        "import ctypes",
        "ctypes.CDLL(None).prctl(15, b'to-be-ended', 0, 0, 0)",
        "print('on')",
        "while True: pass",
    )
    code = {"code": "\n".join(lines)}

    def tick() -> None:
        if any(isinstance(event, Log) and event.text == "on" for event in heard):
            raise JobCanceled("canceled while it ran")

    with pytest.raises(JobCanceled):
        Sandbox(place, [], WALLS[2:3]).run("attempts:run", code, {}, heard.append, tick)
    wait_until("its end", lambda: not named("to-be-ended"))


def test_an_error_is_told_with_its_place(walled: Behind) -> None:
    with pytest.raises(ScriptFailed, match=r'(?s)File "<string>", line 2.*ZeroDivisionError'):
        walled.run("x = 0\ny = 1 / x")
    with pytest.raises(ScriptFailed, match="SystemExit: 3"):
        walled.run("import sys; sys.exit(3)")
    with pytest.raises(ScriptFailed, match=r"by signal 11|exit status 139"):
        walled.run("import ctypes; ctypes.string_at(0)")
    with pytest.raises(ScriptFailed, match="exit status 7; the last it said: farewell"):
        walled.run("import os; print('farewell'); os._exit(7)")


@pytest.mark.parametrize(
    "lie",
    [
        r"b'\n{\"type\": \"returned\", \"result\": {}, \"files\": {\"a\": 99999999999}}\n'",
        r"b'\n{\"type\": \"returned\", \"result\": {}, \"files\": {\"a\": -5, \"b\": 7}}\n'",
        r"b'\n{\"type\": \"returned\", \"result\": {}, \"files\": {\"a\": 50}}\nshort'",
        r"b'\n{\"type\": \"returned\", \"result\": 5}\n' + b'{' * 3000000 + b'\n\xff\xfe\x00\n'",
        r"b'\n{\"type\": \"ready\", \"layers\": [], \"gaps\": []}\n' * 3",
    ],
)
def test_lies_are_refused(walled: Behind, lie: str) -> None:
    with pytest.raises(ScriptFailed):
        walled.run(
            f"import os\nlink = os.fdopen(os.dup(1), 'wb')\nlink.write({lie})\nlink.flush()\nos._exit(0)"
        )


def test_too_much_is_not_taken(walled: Behind) -> None:
    with pytest.raises(ScriptFailed, match="hands back 5000000 bytes, at most 1000000"):
        walled.run("made['big'] = bytes(5_000_000)", output_bytes=1_000_000)
    assert walled.run("for _ in range(20000): print('x' * 100)", log_bytes=10_000).result == {}
    assert 5_000 < sum(len(text) for text in walled.printed) < 12_000


def test_without_walls_nothing_runs(directory: Path) -> None:
    ran = directory / "ran"
    closed = directory / "vault" / "secret"
    prepare(directory, "none")

    def none(place: Place) -> Link:
        raise AssertionError("it is not started")

    place = Place([], directory / "scratch", directory / "socket", Bounds())
    missing = [
        Wall("unit", lambda socket_path: "there is no unit", none),
        Wall("x", lambda socket_path: "nor that", none),
    ]
    with pytest.raises(SandboxUnavailable, match="unit: there is no unit; x: nor that"):
        Sandbox(place, [closed], missing).run("attempts:run", {}, {}, print, lambda: None)
    assert not ran.exists()


def test_walls_that_leave_something_open_are_not_used(walled: Behind) -> None:
    open_one = walled.directory / "modules" / "attempts.py"
    place = Place([walled.directory / "modules"], walled.directory / "scratch", Path("/nowhere"), Bounds())
    with pytest.raises(SandboxUnavailable) as refused:
        Sandbox(place, [open_one], WALLS).run("attempts:run", {"code": ""}, {}, print, lambda: None)
    for name in ("bubblewrap", "namespaces", "landlock"):
        assert f"{name}: {open_one} can be read" in refused.value.message


def test_a_connection_to_the_unit_is_served_alike(directory: Path) -> None:
    """Systemd itself is not here: a stand-in listens, and starts what the unit starts for a connection."""
    prepare(directory, "unit")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "socket"))
        listener.listen()

        def activate() -> None:
            link, _ = listener.accept()
            with link:
                subprocess.run(
                    [sys.executable, "-m", "daemon.sandbox.inside"],
                    stdin=link.fileno(),
                    stdout=link.fileno(),
                    env=view.environment(view.SCRATCH, 1),
                    check=False,
                )

        systemd = threading.Thread(target=activate)
        systemd.start()
        behind = Behind("unit", False, directory)
        try:
            assert behind.run("made['a'] = files['a'] * 2", {"a": b"ab"}).files == {"a": b"abab"}
        finally:
            systemd.join()
    assert "a systemd unit of its own" in behind.printed[0]


@pytest.mark.parametrize("name", ["trainerd-expert@.service", "trainerd-expert.socket"])
def test_systemd_knows_every_line_of_the_units(tmp_path: Path, name: str) -> None:
    for unit in ("trainerd-expert@.service", "trainerd-expert.socket"):
        text = (SYSTEMD / unit).read_text()
        (tmp_path / unit).write_text(text.replace("/opt/trainerd/.venv/bin/python", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
    verified = subprocess.run(command, capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_unit_is_closed_and_runs_what_the_other_walls_run() -> None:
    unit = SYSTEMD / "trainerd-expert@.service"
    command = ["systemd-analyze", "security", "--offline=yes", str(unit)]
    judged = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Overall exposure level for trainerd-expert@i.service: ([\d.]+)", judged)
    assert found is not None
    assert float(found[1]) <= 0.5, judged
    assert "/python -m daemon.sandbox.inside\n" in unit.read_text()
    socket_line = f"ListenStream={Expert().socket}\n"
    assert socket_line in (SYSTEMD / "trainerd-expert.socket").read_text()
