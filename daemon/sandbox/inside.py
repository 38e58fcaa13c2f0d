"""The child's side: go behind the walls, prove that they hold, run the code, hand back what it made.

``python -m daemon.sandbox.inside``; started by `daemon.sandbox.start` or by systemd for a connection to its
socket. It reads standard input and writes standard output, which is also where the code's prints go: the
parent tells them from events.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import msgspec

from daemon.sandbox import limits, namespaces, proof, walls
from daemon.wire.sandbox import Material, Order, Raised, Ready, Returned, Told
from daemon.wire.worker import Progress

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

    def progress(self, progress: Progress) -> None:
        """Say how far the code is."""
        self.send(progress)

    def send(self, event: Told, files: Files | None = None) -> None:
        """Write an event, and the bytes of its files."""
        with self._lock:
            # A print may have left its line open.
            self._stream.write(b"\n" + msgspec.json.encode(event) + b"\n")
            for content in (files or {}).values():
                self._stream.write(content)
            self._stream.flush()


Entry: TypeAlias = Callable[[dict[str, Any], Files, Path, Teller], tuple[dict[str, Any], Files]]
"""What an order names: (job, files, scratch, teller) -> (result, files)."""


def main() -> int:
    """Serve one order; returns the exit status."""
    namespaces.die_with_parent()
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(1, 2)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    teller = Teller(sink)
    order = msgspec.json.decode(source.readline(), type=Order)
    try:
        layers = walls.enter(order)
    except OSError as error:
        teller.send(Raised(f"{type(error).__name__}: {error}"))
        return 1
    scratch = Path(order.scratch)
    teller.send(Ready(layers, proof.gaps(map(Path, order.closed), scratch)))
    material = msgspec.json.decode(source.readline(), type=Material)
    files = {name: source.read(size) for name, size in material.files.items()}
    threading.Thread(target=_end_with, args=(source,), daemon=True).start()
    try:
        sys.path.extend(order.modules)
        entry = _load(order.entry)
        limits.set_memory(order.bounds)
        result, made = entry(material.job, files, scratch, teller)
    except SandboxedError as error:
        teller.send(Raised(str(error)))
        return 1
    except BaseException:  # noqa: BLE001 - SystemExit is one, and the code's own
        teller.send(Raised(traceback.format_exc()))
        return 1
    # What the code's threads print from now on would fall into the files.
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    teller.send(Returned(result, {name: len(content) for name, content in made.items()}), made)
    return 0


def _end_with(source: BinaryIO) -> None:
    """Nobody waits any longer once the other side has closed its end."""
    source.read(1)
    os._exit(1)


def _load(entry: str) -> Entry:
    module, _, function = entry.partition(":")
    loaded: Entry = getattr(importlib.import_module(module), function)
    return loaded


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Threads and exit handlers of the code have had their time.
    os._exit(status)
