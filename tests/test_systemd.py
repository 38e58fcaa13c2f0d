"""The daemon as a service: what its unit says, and what it says to the service manager."""

from __future__ import annotations

import configparser
import socket
from pathlib import Path

from daemon.cli.main import COMMANDS
from tests.harness import PATIENCE, Daemon, wait_until

SYSTEMD = Path(__file__).resolve().parents[1] / "systemd"


def read_unit(name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(SYSTEMD / name)
    return unit


def test_the_unit_runs_the_daemon_and_waits_for_it() -> None:
    service = read_unit("trainerd.service")["Service"]
    program, verb, option, config = service["ExecStart"].split()
    assert Path(program).name == "trainerd"
    assert verb in COMMANDS
    assert (option, config) == ("--config", "/etc/trainerd/trainerd.toml")
    assert service["Type"] == "notify"
    # The defaults of the configuration are the directories that systemd makes.
    assert service["StateDirectory"] == service["RuntimeDirectory"] == "trainerd"
    assert service["User"] == (SYSTEMD / "trainerd.sysusers").read_text().split()[1]


def test_readiness_does_not_wait_for_the_broker(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        # Nobody listens on port 1.
        daemon = Daemon(tmp_path, 1)
        said: list[bytes] = []
        try:
            daemon.start(
                wait=False, environment={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
            )
            while not {b"READY=1", b"WATCHDOG=1"} <= set(said):
                said.append(manager.recv(256))
        finally:
            assert daemon.stop() == 0
        while b"STOPPING=1" not in said:
            said.append(manager.recv(256))
    assert said[0] == b"READY=1"


def test_it_runs_where_the_service_manager_is_gone(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, 1)
    try:
        daemon.start(wait=False, environment={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
        wait_until("the local socket", daemon.socket.exists)
    finally:
        assert daemon.stop() == 0
