"""A Mosquitto with the templates of examples/mosquitto, word for word but for its paths and ports."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.harness import PATIENCE, Client, free_port, wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "mosquitto"


def certificates(directory: Path, *arguments: str) -> None:
    """Run ``certificates.sh`` in a directory."""
    script = str(EXAMPLES / "certificates.sh")
    done = subprocess.run(
        ["bash", script, *arguments], cwd=directory, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr


class WalledBroker:
    """The broker of an installation, with an authority for devices and one for controllers.

    Parameters
    ----------
    directory : Path
        Stands for ``/etc/mosquitto``.
    tight_replies : bool
        Whether the access rules are those that bind replies to their device.
    """

    def __init__(self, directory: Path, *, tight_replies: bool = False) -> None:
        self.directory = directory
        self.certs = directory / "certs"
        self.tight_replies = tight_replies
        self.device_port = 0
        self.controller_port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def set_up(self, devices: list[str], controllers: list[str]) -> None:
        """Make the certificates and copy the templates."""
        self.certs.mkdir()
        for authority in ("devices", "controllers"):
            certificates(self.certs, "authority", authority)
        certificates(self.certs, "broker", "devices", "localhost", "127.0.0.1")
        for name in devices:
            certificates(self.certs, "client", "devices", name)
        for name in controllers:
            certificates(self.certs, "client", "controllers", name)
        rules = (EXAMPLES / "trainerd.acl").read_text()
        if self.tight_replies:
            rules = rules.replace("pattern write trainerd/reply/#\n", "")
            rules = rules.replace("#pattern write", "pattern write")
        (self.directory / "trainerd.acl").write_text(rules)

    def start(self) -> None:
        """Start it; a second start uses the same ports."""
        program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        assert program is not None
        self.device_port = self.device_port or free_port()
        self.controller_port = self.controller_port or free_port()
        text = (EXAMPLES / "trainerd.conf").read_text().replace("/etc/mosquitto", str(self.directory))
        text = text.replace("listener 8883", f"listener {self.device_port} 127.0.0.1")
        text = text.replace("listener 8884", f"listener {self.controller_port} 127.0.0.1")
        if os.geteuid() == 0:
            # Else it becomes a user who may not read what is below a test's directory.
            text += "user root\n"
        (self.directory / "mosquitto.conf").write_text(text)
        with (self.directory / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-c", str(self.directory / "mosquitto.conf")], stdout=log, stderr=log
            )
        wait_until("Mosquitto to listen", self._listens)

    def _listens(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError((self.directory / "mosquitto.log").read_text())
        try:
            for port in (self.device_port, self.controller_port):
                socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)

    def client(self, name: str, device: str, *, port: int = 0, client_id: str = "") -> Client:
        """A client with the certificate of `name`; use it in a ``with``.

        Parameters
        ----------
        name : str
            A device or a controller.
        device : str
            The device that it speaks with.
        port : int
            The controllers' one where it is left out.
        client_id : str
            One that nobody has where it is left out.
        """
        client = Client(port or self.controller_port, device)
        if client_id:
            client.paho._client_id = client_id.encode()
        client.reply_topic = f"trainerd/reply/{name}/{device}"
        client.paho.tls_set(
            str(self.certs / "devices-ca.crt"),
            str(self.certs / f"{name}.crt"),
            str(self.certs / f"{name}.key"),
        )
        return client

    def device_config(self, name: str) -> str:
        """What stands in the section ``[mqtt]`` of a device's configuration."""
        return (
            f'tls = {{ ca_file = "{self.certs}/devices-ca.crt", cert_file = "{self.certs}/{name}.crt",'
            f' key_file = "{self.certs}/{name}.key" }}\n'
        )
