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
from pathlib import Path
from typing import BinaryIO

import msgspec

from daemon.sandbox import limits, namespaces, proof, walls
from daemon.sandbox.entry import Entry, SandboxedError, Teller
from daemon.wire.sandbox import Material, Order, Raised, Ready, Returned


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
        work = _load(order.entry)(material.job)
        limits.set_memory(order.bounds)
        result, made = work(files, scratch, teller)
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
