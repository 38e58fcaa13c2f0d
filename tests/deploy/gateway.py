"""A whole gateway: broker, daemon, ports process, and a board with firmware for the model that it trains."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from daemon.deploy.job import firmware_model
from daemon.private_keys import pem
from hw_tests.boards.peer import Peer, peer
from tests.deploy.linear import KEY
from tests.harness import Broker, Client, Daemon, free_port
from tests.scenario import KMEANS, PROJECT, set_up_project, train, wait_for_end

MODEL = f"api/{PROJECT}/models/{KMEANS}"
DEPLOY = f"api/{PROJECT}/jobs/deploy/{KMEANS}"


#: A board that is there, and one that never is.
_TARGETS = """
[targets.press]
board = "mps2-an386"
port = "socket://127.0.0.1:{port}"
groups = ["line"]
ask_s = 1
{config}

[targets.lathe]
board = "mps2-an386"
port = "socket://127.0.0.1:1"
groups = ["line"]
"""


@dataclass
class Gateway:
    """A daemon with one target, ``press``, and its board.

    Parameters
    ----------
    directory : Path
        With a short path, for its sockets.
    daemon : Daemon
    port : int
        Where the board is.
    """

    directory: Path
    daemon: Daemon
    port: int
    flags: tuple[str, ...] = ()
    sources: Sequence[Path] = field(default_factory=list)

    def write_key(self) -> None:
        """Give the ports process the key that the board's firmware trusts."""
        key = self.directory / "state" / "ports" / "deploy.key"
        key.parent.mkdir(parents=True, mode=0o700)
        key.write_bytes(pem(bytes(KEY)))
        key.chmod(0o600)

    def train(self, client: Client, count: int) -> None:
        """Make so many versions of the model."""
        client.subscribe(f"{client.root}/jobs/#")
        set_up_project(client)
        for _ in range(count):
            job = wait_for_end(client, train(client))
            assert job["state"] == "SUCCEEDED", job

    def write_firmware(self, version: int) -> None:
        """Sources of firmware with a version built in."""
        directory = self.daemon.state_dir / f"projects/{PROJECT}/models/{KMEANS}/{version}"
        model = firmware_model(directory / "model_int8.npz", "kmeans", ())
        folder = self.directory / "firmware"
        folder.mkdir(exist_ok=True)
        (folder / "kmeans.h").write_text(model.header)
        (folder / "kmeans.c").write_text(model.source)
        (folder / "glue.c").write_text(model.glue(PROJECT, KMEANS, version, bytes(KEY.verify_key)))
        self.sources, self.flags = [folder / "glue.c", folder / "kmeans.c"], model.flags

    @contextmanager
    def board(self, *, fail: int = 0) -> Iterator[Peer]:
        """The board, with power; what its flash holds stays without."""
        flash = self.directory / "flash"
        with peer(model=self.sources, flags=self.flags, flash_file=flash, port=self.port, fail=fail) as one:
            yield one


def deploy(client: Client, version: int | None = None, target: str = "press") -> int:
    """Ask for a deployment; the id of its job."""
    body = {"target": target} if version is None else {"target": target, "version": version}
    reply = client.request("post", DEPLOY, body)
    assert reply.status == 200, reply.body
    return int(reply.body["id"])


@contextmanager
def gateway(broker: Broker, name: str, *, versions: int = 2, config: str = "") -> Iterator[Gateway]:
    """Start a daemon whose board has version 1 built in; the board itself is not there yet.

    Parameters
    ----------
    broker : Broker
    name : str
        Of the device.
    versions : int
        So many are trained.
    config : str
        More lines of the target's table.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gw-")))
        port = free_port()
        table = _TARGETS.format(port=port, config=config)
        daemon = Daemon(directory, broker.port, device=name, config=table)
        made = Gateway(directory, daemon, port)
        made.write_key()
        stack.callback(daemon.stop)
        daemon.start()
        with daemon.client() as client:
            made.train(client, versions)
        made.write_firmware(1)
        yield made
