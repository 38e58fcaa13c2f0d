"""A workplace whose board is a peer, and whose flasher is a stand-in: it puts another program there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from daemon.deploy.board_line import BoardLine, Hear, Tool
from daemon.deploy.deployment import Workplace
from daemon.deploy.kept import Kept
from daemon.errors import FlashFailed
from daemon.wire.deploy import Deploy
from daemon.wire.worker import Progress
from firmware_export.blob import Blob
from hw_tests.boards.peer import build_peer
from tests.deploy.linear import KEY, KEY_FLAG
from tests.harness import free_port


def program(bias: int) -> bytes:
    """Firmware: a peer with another model built in."""
    return build_peer(flags=(KEY_FLAG, f"-DBIAS={bias}")).read_bytes()


@dataclass
class Bench:
    """The board, with its power and its program.

    Parameters
    ----------
    directory : Path
        Where the board's flash, its program, and what is kept of it lie.
    """

    directory: Path
    port: int = field(default_factory=free_port)
    reads: bool = False
    board: str = "mps2-an386"
    cores: dict[str, str] = field(default_factory=dict)
    trouble: list[Callable[[], None]] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    flashed: int = 0

    @property
    def place(self) -> Workplace:
        """The workplace, as a process that starts makes it."""
        tool = Tool("stand-in", self.write, self.copy if self.reads else None, lambda: None)
        line = BoardLine(f"socket://127.0.0.1:{self.port}", 115200, tool)
        kept = Kept(self.directory / "kept")
        return Workplace(line, kept, lambda message: KEY.sign(message).signature, self.board, self.cores)

    def write(self, images: Mapping[str, Path], hear: Hear) -> None:
        """Flash: the program stops, another one is written, and starts."""
        hear(Progress("flash", 0.0))
        self.power_off()
        self.flashed += 1
        (self.directory / "program").unlink(missing_ok=True)
        if self.trouble:
            self.trouble.pop(0)()
        (self.directory / "program").write_bytes(images["bin"].read_bytes())
        (self.directory / "program").chmod(0o755)
        self.power_on()
        hear(Progress("flash", 1.0))

    def copy(self, into: Path, _hear: Hear) -> None:
        """Read the flash."""
        into.write_bytes((self.directory / "program").read_bytes())

    def power_on(self) -> None:
        """Start the program, where there is one."""
        if (self.directory / "program").exists():
            command = [str(self.directory / "program"), "--port", str(self.port)]
            self.process = subprocess.Popen(
                [*command, "--flash", str(self.directory / "flash")], stdout=subprocess.PIPE
            )
            assert self.process.stdout is not None
            assert self.process.stdout.readline().startswith(b"port")

    def power_off(self) -> None:
        """Take its power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def put(self, bias: int) -> None:
        """Give the board a program before anybody deploys."""
        (self.directory / "program").write_bytes(program(bias))
        (self.directory / "program").chmod(0o755)
        self.power_on()


def give_up() -> None:
    """Trouble: the tool fails half way."""
    raise FlashFailed("the tool gave up")


@contextmanager
def bench(directory: Path, *, bias: int | None = None, reads: bool = False) -> Iterator[Bench]:
    """A board with a program, or an empty one; ends it."""
    made = Bench(directory, reads=reads)
    try:
        if bias is not None:
            made.put(bias)
        yield made
    finally:
        made.power_off()


def built_in(bias: int) -> Blob:
    """The model of `program`."""
    outputs = tuple(value.to_bytes(4, "little") for value in (10 + bias, bias))
    rows = (bytes((1, 1, 1, 1)), bytes(4))
    params = b"".join(value.to_bytes(4, "little") for value in (1, 2, 3, 4, bias))
    return Blob(b"linear, 4 inputs", 1, 7, 3, params, rows, outputs)


def firmware(bias: int, *, right: bool = True) -> Deploy:
    """A deployment of `program`; where it is not `right`, of another one than the model says."""
    image = program(bias if right else bias + 1)
    return Deploy(target="press", job_id=1, blob=built_in(bias).message(), images={"bin": image})
