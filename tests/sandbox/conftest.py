"""A sandbox behind each kind of wall, started by root and by a user without any right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon import errors
from daemon.errors import JobError
from daemon.sandbox.session import Sandbox, Sandboxed
from daemon.sandbox.start import WALLS, Place
from daemon.wire.script import Bounds
from daemon.wire.worker import Log, Progress
from tests.harness import PATIENCE

ENTRY = "attempts:run"
#: Lets a user without rights reach an interpreter in somebody's home, for this process and its children only.
_OPEN_UP = """
base=$1 home=$2
shift 2
if [ -n "$home" ]; then
    mount --bind "$base" /mnt
    mount -t tmpfs -o mode=755 none "$home"
    mkdir -p "$base"
    mount --bind /mnt "$base"
fi
exec setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all "$@"
"""


@dataclass
class Behind:
    """Runs code behind one kind of wall.

    Parameters
    ----------
    wall : str
        Which kind.
    unprivileged : bool
        Whether the parent is a user without rights; else it is whoever runs the tests.
    directory : Path
        Where its modules and its scratch are.
    """

    wall: str
    unprivileged: bool
    directory: Path
    heard: list[Log | Progress] = field(default_factory=list)

    def run(self, code: str, files: dict[str, bytes] | None = None, **bounds: Any) -> Sandboxed:
        """Run code that sees ``files``, ``scratch``, ``teller`` and leaves ``result`` and ``made``."""
        call = {"wall": self.wall, "directory": str(self.directory), "code": code, "bounds": bounds}
        if not self.unprivileged:
            return start(call, self.heard, files)
        assert not files
        done = subprocess.run(
            self.command(), input=json.dumps(call), capture_output=True, text=True, timeout=2 * PATIENCE
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        self.heard += msgspec.convert(told["heard"], list[Log | Progress])
        if "error" in told:
            raise getattr(errors, told["error"])(told["message"])
        return Sandboxed(told["result"], {})

    def command(self) -> list[str]:
        """What runs `main` as a user without rights, where this one has some."""
        own = [sys.executable, "-m", "tests.sandbox.conftest"]
        if os.geteuid() != 0 or not self.unprivileged:
            return own
        closed = [path for path in Path(sys.base_prefix).parents if not path.stat().st_mode & 0o001]
        return [
            "unshare",
            "-m",
            "bash",
            "-euc",
            _OPEN_UP,
            "-",
            sys.base_prefix,
            str(closed[0]) if closed else "",
            *own,
        ]

    @property
    def printed(self) -> list[str]:
        """Lines of the job's log."""
        return [event.text for event in self.heard if isinstance(event, Log)]


def start(
    call: dict[str, Any], heard: list[Log | Progress], files: dict[str, bytes] | None = None
) -> Sandboxed:
    """Run code in this process's sandbox."""
    directory = Path(call["directory"])
    bounds = Bounds(**{"wall_s": PATIENCE, **call["bounds"]})
    place = Place([directory / "modules"], directory / "scratch", directory / "socket", bounds)
    walls = [wall for wall in WALLS if wall.name == call["wall"]]
    closed = [directory / "vault" / "secret"]
    return Sandbox(place, closed, walls).run(
        ENTRY, {"code": call["code"]}, files or {}, heard.append, lambda: None
    )


def main() -> None:
    """Read a call from standard input, write what came of it to standard output."""
    heard: list[Log | Progress] = []
    told: dict[str, Any]
    try:
        told = {"result": start(json.load(sys.stdin), heard).result}
    except JobError as error:
        told = {"error": type(error).__name__, "message": error.message}
    print(json.dumps({**told, "heard": msgspec.to_builtins(heard)}))


CASES = [(wall, user) for wall in ("bubblewrap", "namespaces", "landlock") for user in ("own", "nobody")]


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that everybody may enter; pytest's own ones are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="sandbox-", dir="/var/tmp") as made:
        yield Path(made)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-as-{case[1]}")
def behind(request: pytest.FixtureRequest, directory: Path) -> Behind:
    """A sandbox of each kind, for each kind of user."""
    return prepare(directory, request.param[0], unprivileged=request.param[1] == "nobody")


@pytest.fixture(params=("bubblewrap", "namespaces", "landlock"))
def own(request: pytest.FixtureRequest, directory: Path) -> Behind:
    """A sandbox of each kind, for the user who runs the tests."""
    return prepare(directory, request.param)


def prepare(directory: Path, wall: str, *, unprivileged: bool = False) -> Behind:
    """Make a sandbox's directories; what it must not reach is readable for its user outside."""
    modules = directory / "modules"
    modules.mkdir()
    shutil.copy(Path(__file__).with_name("attempts.py"), modules)
    (directory / "scratch").mkdir()
    (directory / "vault").mkdir()
    (directory / "vault" / "secret").write_text("the secret")
    for path in (directory, directory / "scratch"):
        path.chmod(0o777)
    return Behind(wall, unprivileged, directory)


def named(name: str) -> list[str]:
    """Processes that have given themselves a name."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() == name:
                found.append(comm.parent.name)
        except OSError:
            continue
    return found


if __name__ == "__main__":
    main()
