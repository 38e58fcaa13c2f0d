"""A real ports process with its own directories, and a plain client of its socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from daemon.private_keys import pem
from daemon.wire.deploy import Operation
from tests.deploy.linear import KEY
from tests.harness import PATIENCE, wait_until


@dataclass
class Ports:
    """The ports process.

    Parameters
    ----------
    directory : Path
        Holds its configuration, ``ports/`` and the log of its standard error. Its path must be short.
    targets : str
        Tables of the configuration.
    """

    directory: Path
    targets: str
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where it listens."""
        return self.directory / "run" / "ports.sock"

    def start(self, environment: Mapping[str, str] | None = None) -> Ports:
        """Start it, with the key that the peers of the tests trust, and wait until it listens."""
        state = self.directory / "state" / "ports"
        state.mkdir(parents=True, exist_ok=True)
        key = state / "deploy.key"
        if not key.exists():
            key.write_bytes(pem(bytes(KEY)))
            key.chmod(0o600)
        config = self.directory / "trainerd.toml"
        config.write_text(
            f'state_dir = "{self.directory / "state"}"\nruntime_dir = "{self.directory / "run"}"\n'
            f'[device]\nid = "bench"\n[mqtt]\nhost = "127.0.0.1"\n{self.targets}'
        )
        with (self.directory / "ports.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daemon.deploy.ports", "--config", str(config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment, **(environment or {})},
            )
        wait_until("the ports process to listen", self._listens)
        return self

    def _listens(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log()
        try:
            with self.connect():
                return True
        except OSError:
            return False

    def log(self) -> str:
        """Everything that it wrote to its standard error."""
        return (self.directory / "ports.log").read_text()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """A connection that says nothing yet."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(PATIENCE)
            link.connect(str(self.path))
            yield link

    @contextmanager
    def telling(self, operation: Operation | bytes) -> Iterator[Iterator[dict[str, Any]]]:
        """Say an operation, and hear its answers one after another, until the connection is closed."""
        with self.connect() as link:
            line = operation if isinstance(operation, bytes) else msgspec.json.encode(operation)
            link.sendall(line + b"\n")
            with link.makefile("rb") as answers:
                yield (json.loads(line) for line in answers)

    def told(self, operation: Operation | bytes) -> list[dict[str, Any]]:
        """All answers to an operation that comes to an end."""
        with self.telling(operation) as answers:
            return list(answers)


@contextmanager
def ports(directory: Path, targets: str, **environment: str) -> Iterator[Ports]:
    """Start a ports process, and end it."""
    held = Ports(directory, targets, environment=environment)
    try:
        yield held.start()
    finally:
        held.end(signal.SIGKILL)
