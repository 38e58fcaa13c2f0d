"""What a script may use, and how it is run."""

from __future__ import annotations

import msgspec

_MIB = 2**20


class Bounds(msgspec.Struct, frozen=True):
    """What code in a sandbox may use.

    Parameters
    ----------
    memory_bytes : int
        Memory beside that of the libraries.
    scratch_bytes : int
        Files that it writes, all together.
    output_bytes : int
        What it hands back, all together.
    log_bytes : int
        What it prints; the rest is dropped.
    threads : int
        Threads of numeric libraries.
    wall_s : float
        Time, in seconds.
    """

    memory_bytes: int = 1024 * _MIB
    scratch_bytes: int = 256 * _MIB
    output_bytes: int = 64 * _MIB
    log_bytes: int = _MIB
    threads: int = 1
    wall_s: float = 3600.0


class ScriptTerms(msgspec.Struct, frozen=True):
    """How a script may be run.

    Parameters
    ----------
    sha256 : str
        Digest of the script that was signed, in hexadecimal.
    bounds : Bounds
        What it may use.
    socket : str
        Where systemd listens for the unit.
    closed : list of str
        Files and directories that it must not be able to read.
    """

    sha256: str
    bounds: Bounds
    socket: str
    closed: list[str]
