"""The reference firmware as a process of this machine: its line is a TCP port, its flash a file.

A kill is a loss of power. Nothing else of the firmware differs from a board's.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import firmware_export
from hw_tests.boards import SUPPORT

FIRMWARE = Path(firmware_export.__file__).parent / "firmware"
LINEAR = SUPPORT / "linear.c"
"""A firmware's model as small as can be; it takes ``-DPUBLIC_KEY=...``."""

POWER_LOST = 86
"""Exit status of a peer that ended at ``fail``."""


@dataclass
class Peer:
    """A peer that runs.

    Attributes
    ----------
    port : int
        On the loopback interface.
    process : subprocess.Popen
    """

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """The port as pyserial names it."""
        return f"socket://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Take its power."""
        self.process.kill()
        self.process.wait()


@functools.cache
def build_peer(model: tuple[Path, ...] = (LINEAR,), flags: tuple[str, ...] = ()) -> Path:
    """Compile a peer, once for each model and set of flags.

    Parameters
    ----------
    model : tuple of Path
        C files that define ``fw_model``; none for a firmware without a model.
    flags : tuple of str
        For the compiler.

    Raises
    ------
    subprocess.CalledProcessError
        It does not compile; the compiler has said why on stderr.
    """
    folder = tempfile.TemporaryDirectory(prefix="peer-")
    _folders.append(folder)
    program = Path(folder.name) / "peer"
    sources = [
        *sorted((FIRMWARE / "core").glob("*.c")),
        *(FIRMWARE / "boards" / name for name in ("posix.c", "test_signal.c")),
        *model,
    ]
    includes = {f"-I{path}" for path in (FIRMWARE / "core", *(source.parent for source in model))}
    options = ("-std=c99", "-O1", "-g", *flags, *sorted(includes))
    subprocess.run(["gcc", *options, *map(str, sources), "-o", str(program)], check=True)
    return program


_folders: list[tempfile.TemporaryDirectory[str]] = []


@contextmanager
def peer(
    *,
    model: Sequence[Path] = (LINEAR,),
    flash_file: Path | None = None,
    port: int = 0,
    fail: int = 0,
    flags: Sequence[str] = (),
) -> Iterator[Peer]:
    """Build and start a peer, and end it.

    Parameters
    ----------
    model : sequence of Path
        C files that define ``fw_model``.
    flash_file : Path, optional
        What its flash holds stays there; else it is lost with the process.
    port : int
        To listen at; 0 for any that is free.
    fail : int
        Power fails at that operation on flash, counted from 1, in the middle of it; 0 for never.
    flags : sequence of str
        For the compiler.

    Examples
    --------
    >>> with peer() as board:
    ...     board.url.startswith("socket://127.0.0.1:")
    True
    """
    program = build_peer(tuple(model), tuple(flags))
    command = [str(program), "--port", str(port), "--fail", str(fail)]
    if flash_file is not None:
        command += ["--flash", str(flash_file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("port "):
            raise RuntimeError(f"the peer did not start: status {process.wait()}")
        yield Peer(int(line.split()[1]), process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
