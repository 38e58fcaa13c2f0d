"""The daemon as a service: what its unit says, and what it says to the service manager."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.cli.main import COMMANDS
from tests.harness import PATIENCE, Broker, Daemon, wait_until

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
    assert service["User"] in (SYSTEMD / "trainerd.sysusers").read_text().split()


def test_the_unit_of_the_ports_runs_the_process_that_holds_them() -> None:
    service = read_unit("trainerd-ports.service")["Service"]
    program, option, module, *arguments = service["ExecStart"].split()
    assert (Path(program).name, option) == ("python", "-m")
    assert importlib.util.find_spec(module) is not None
    assert arguments == ["--config", "/etc/trainerd/trainerd.toml"]
    # Another user than the daemon's, which may use its socket.
    assert service["User"] != read_unit("trainerd.service")["Service"]["User"] == service["Group"]
    example = (SYSTEMD / "trainerd.example.toml").read_text()
    assert f'# socket = "/run/{service["RuntimeDirectory"]}/ports.sock"' in example
    assert f'# state_dir = "/var/lib/{service["StateDirectory"]}"' in example


def test_devices_are_with_the_one_and_the_network_with_the_other() -> None:
    daemon, ports = (read_unit(name)["Service"] for name in ("trainerd.service", "trainerd-ports.service"))
    assert (daemon["PrivateDevices"], daemon.get("DeviceAllow")) == ("yes", None)
    assert (ports["PrivateNetwork"], ports["RestrictAddressFamilies"]) == ("yes", "AF_UNIX")
    assert ports["DevicePolicy"] == daemon["DevicePolicy"] == "closed"


@pytest.mark.parametrize("name", ["trainerd.service", "trainerd-ports.service"])
def test_the_unit_is_as_closed_as_it_claims(name: str) -> None:
    """The judgement of systemd itself: 0 is closed, 10 is open."""
    command = ["systemd-analyze", "security", "--offline=yes", str(SYSTEMD / name)]
    judged = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(rf"Overall exposure level for {name}: ([\d.]+)", judged)
    assert found is not None
    assert float(found[1]) <= 1.8, judged


@pytest.mark.parametrize("name", ["trainerd.service", "trainerd-ports.service"])
def test_systemd_knows_every_line_of_the_unit(tmp_path: Path, name: str) -> None:
    text = (SYSTEMD / name).read_text()
    unit = tmp_path / name
    # The lines that are commented out are examples: they must be right too.
    examples = re.sub(r"^#(\w+=)", r"\1", text, flags=re.MULTILINE)
    unit.write_text(re.sub(r"/opt/trainerd/.venv/bin/\w+", sys.executable, examples))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    verified = subprocess.run(command, capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_user_and_directories_are_made_as_the_files_say(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(SYSTEMD / "trainerd.sysusers")],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    users = (tmp_path / "etc" / "passwd").read_text()
    for name in ("trainerd", "trainerd-ports"):
        assert re.search(rf"^{name}:.*:/var/lib/{name}:\S*nologin$", users, re.MULTILINE)
    groups = (tmp_path / "etc" / "group").read_text()
    wanted_groups = read_unit("trainerd-ports.service")["Service"]
    for group in (wanted_groups["Group"], wanted_groups["SupplementaryGroups"]):
        assert re.search(rf"^{group}:", groups, re.MULTILINE)
    lines = (SYSTEMD / "trainerd.tmpfiles").read_text().splitlines()
    wanted = {path: int(mode, 8) for line in lines if line[0] != "#" for _, path, mode, *_ in [line.split()]}
    assert wanted == {"/etc/trainerd": 0o750, "/var/backups/trainerd": 0o700}
    if os.geteuid() != 0:
        return  # Only root can give directories away.
    subprocess.run(
        ["systemd-tmpfiles", f"--root={tmp_path}", "--create", str(SYSTEMD / "trainerd.tmpfiles")], check=True
    )
    for path, mode in wanted.items():
        assert stat.S_IMODE((tmp_path / path[1:]).stat().st_mode) == mode


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's end of what the daemon says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(str(tmp_path / "notify"))
        opened.settimeout(PATIENCE)
        yield opened


def watched(tmp_path: Path) -> dict[str, str]:
    """Environment of a daemon that `manager` listens to, with a short watchdog."""
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}


def hear(manager: socket.socket, wanted: bytes) -> list[bytes]:
    """What is said up to `wanted`."""
    said: list[bytes] = []
    while wanted not in said:
        said.append(manager.recv(256))
    return said


def test_readiness_does_not_wait_for_the_broker(tmp_path: Path, manager: socket.socket) -> None:
    # Nobody listens on port 1.
    daemon = Daemon(tmp_path, 1)
    try:
        daemon.start(wait=False, environment=watched(tmp_path))
        assert hear(manager, b"WATCHDOG=1")[0] == b"READY=1"
    finally:
        assert daemon.stop() == 0
    hear(manager, b"STOPPING=1")


def test_the_watchdog_is_fed_by_messages_that_come_back_from_the_broker(
    broker: Broker, tmp_path: Path, manager: socket.socket
) -> None:
    daemon = Daemon(tmp_path, broker.port, device="watched")
    try:
        with daemon.client() as client:
            client.subscribe(f"{client.root}/get/self-ping")
            daemon.start(environment=watched(tmp_path))
            hear(manager, connected_to(broker))
            wait_until("some round trips", lambda: len(client.seen) > 5)
            while manager.recv(256) != b"WATCHDOG=1":
                pass
    finally:
        assert daemon.stop() == 0


#: The daemon, with a network thread that hangs while a file is there.
HANGS = """
import sys, time
from pathlib import Path
from daemon import app, mqtt_link

flag = Path(sys.argv.pop())
carry = mqtt_link.MqttLink._carry

def carry_or_hang(link, client):
    while flag.exists():
        time.sleep(0.1)
    return carry(link, client)

mqtt_link.MqttLink._carry = carry_or_hang
sys.exit(app.main())
"""

#: The daemon, deaf while a file is there: its connection lives, and nothing comes back over it.
DEAF = """
import sys
from pathlib import Path
from daemon import app, mqtt_api

flag = Path(sys.argv.pop())
received = mqtt_api.MqttApi.received
mqtt_api.MqttApi.received = lambda api, delivery: None if flag.exists() else received(api, delivery)
mqtt_api._SELF_PING_S = 1.0
sys.exit(app.main())
"""


@contextmanager
def spoilt(
    script: str, broker: Broker, tmp_path: Path, manager: socket.socket
) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A daemon that is online, the file that spoils it, and its process."""
    daemon = Daemon(tmp_path, broker.port, device=f"spoilt-{tmp_path.name[-20:]}")
    daemon.write_config()
    flag = tmp_path / "flag"
    process = daemon.process = subprocess.Popen(
        [sys.executable, "-c", script, "--config", str(daemon.config_file), str(flag)],
        env={**os.environ, **watched(tmp_path)},
    )
    try:
        # A daemon that is still coming online is given time, and is fed.
        daemon.wait_online()
        hear(manager, connected_to(broker))
        hear(manager, b"WATCHDOG=1")
        flag.touch()
        yield flag, process
    finally:
        flag.unlink(missing_ok=True)
        process.terminate()
        assert process.wait(PATIENCE) == 0


def connected_to(broker: Broker) -> bytes:
    return f"STATUS=connected to 127.0.0.1:{broker.port}".encode()


def test_a_hung_connection_starves_the_watchdog(
    broker: Broker, tmp_path: Path, manager: socket.socket
) -> None:
    """The core turns and the socket answers, yet no request can arrive: only a restart helps."""
    with spoilt(HANGS, broker, tmp_path, manager) as (_, process):
        # Far longer than the 0.1 s between two words of a daemon that is well.
        manager.settimeout(2)
        for _ in range(1000):
            try:
                manager.recv(256)
            except TimeoutError:
                break
        else:
            raise AssertionError("the watchdog is fed although nothing comes back")
        assert process.poll() is None


def test_a_connection_over_which_nothing_comes_back_is_made_anew(
    broker: Broker, tmp_path: Path, manager: socket.socket
) -> None:
    with spoilt(DEAF, broker, tmp_path, manager) as (flag, process):
        hear(manager, b"STATUS=offline: the connection to the broker is lost")
        flag.unlink()
        hear(manager, connected_to(broker))
        hear(manager, b"WATCHDOG=1")
        assert process.poll() is None


def test_it_runs_where_the_service_manager_is_gone(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, 1)
    try:
        daemon.start(wait=False, environment={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
        wait_until("the local socket", daemon.socket.exists)
    finally:
        assert daemon.stop() == 0
