"""What runs behind the walls, as `daemon.sandbox.inside` calls it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import msgspec

from daemon.wire.sandbox import Told

Files: TypeAlias = dict[str, bytes]


class SandboxedError(Exception):
    """Raised by an entry: its message is all that the author of the code needs."""


class Teller:
    """Writes events.

    Parameters
    ----------
    stream : binary file
        Where they go, a line each.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: Told, files: Files | None = None) -> None:
        """Write an event, and the bytes of its files."""
        with self._lock:
            # A print may have left its line open.
            self._stream.write(b"\n" + msgspec.json.encode(event) + b"\n")
            for content in (files or {}).values():
                self._stream.write(content)
            self._stream.flush()


Work: TypeAlias = Callable[[Files, Path, Teller], tuple[dict[str, Any], Files]]
"""(files, scratch, teller) -> (result, files)."""

Entry: TypeAlias = Callable[[dict[str, Any]], Work]
"""What an order names: loads the libraries that a job needs, which count for no limit, and gives its work."""
