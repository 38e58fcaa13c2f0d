"""From an empty board to one whose slots are updated: GDB and an emulated Cortex-M4, all over MQTT."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw_tests.boards.bootloaders import qemu
from tests.deploy.gateway import DEPLOY, deploy
from tests.harness import Broker, Client, Daemon, wait_until
from tests.scenario import set_up_project, train, wait_for_end

TARGETS = """
[targets.press]
board = "mps2-an386"
port = "{url}"
flasher = "gdb"
flasher_options = {{ server = "{server}", reset = "system_reset" }}

[targets.small]
board = "tiny"
port = "socket://127.0.0.1:1"
method = "firmware"
flasher_options = {{ server = "127.0.0.1:1" }}

[deploy]
boards_dir = "{boards}"
"""
#: A board that nothing fits on.
TINY = """
title = "A board without room"
core = "cortex-m4f"
compiler = "arm-none-eabi-gcc"
flags = ["-mcpu=cortex-m4"]
hal = "cmsdk"
page = 0x1000
flash = { origin = 0, size = 0x1000 }
ram = { origin = 0x20000000, size = 0x400 }

[defines]
UART = 0x40004000
CLOCK_HZ = 25_000_000

[flashers.gdb]
"""


@pytest.fixture(scope="module")
def daemon(broker: Broker) -> Iterator[Daemon]:
    """A daemon whose board is empty, with two versions of a model."""
    with (
        tempfile.TemporaryDirectory(prefix="gw-") as folder,
        qemu("mps2-an386", "-S") as (url, server),
    ):
        boards = Path(folder) / "boards"
        boards.mkdir()
        (boards / "tiny.toml").write_text(TINY)
        config = TARGETS.format(url=url, server=server, boards=boards)
        daemon = Daemon(Path(folder), broker.port, device="press-firmware", config=config)
        try:
            with daemon.start().client() as client:
                client.subscribe(f"{client.root}/#")
                set_up_project(client)
                for _ in range(2):
                    assert wait_for_end(client, train(client))["state"] == "SUCCEEDED"
            yield daemon
        finally:
            daemon.stop()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    """A client that hears of jobs."""
    with daemon.client() as connected:
        connected.subscribe(f"{connected.root}/jobs/#")
        yield connected


def test_an_empty_board_gets_firmware_and_then_models_into_its_slots(client: Client) -> None:
    job = wait_for_end(client, deploy(client, 1))
    assert job["state"] == "SUCCEEDED", job
    (first,) = job["result"]["targets"]
    assert (first["method"], first["previous"]) == ("firmware", None)
    (second,) = wait_for_end(client, deploy(client, 2))["result"]["targets"]
    assert (second["method"], second["previous"]["version"]) == ("slot", 1)
    assert second["bytes"] < first["bytes"] / 5
    assert second["vectors"] > 0


def test_a_model_that_is_too_large_is_told_before_anything_is_built(client: Client) -> None:
    job = wait_for_end(client, deploy(client, target="small"))
    assert (job["state"], job["stage"], job["error"]["code"]) == ("FAILED", "build", "model_too_large")
    assert "bytes of flash of 4,096" in job["error"]["message"]
    log = client.request("get", f"api/1/jobs/{job['id']}/stdout").body["stdout"]
    assert not any("gcc" in line["data"] for line in log)


@pytest.mark.parametrize(
    ("point", "version"), [("ports.begun", 1), pytest.param("ports.verify", 2, marks=pytest.mark.campaign)]
)
def test_a_kill_in_a_flash_leaves_it_to_the_next_process(
    daemon: Daemon, tmp_path: Path, point: str, version: int
) -> None:
    struck, before = tmp_path / "struck", len(daemon.log())
    only_firmware(daemon)
    daemon.start(environment={"TRAINERD_FAULT": f"{point}:kill", "TRAINERD_FAULT_ONCE": str(struck)})
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        job = wait_for_end(client, deploy(client, version))
        (again,) = wait_for_end(client, deploy(client, version))["result"]["targets"]
    assert (again["bytes"], again["vectors"] > 0) == (0, True)
    assert struck.exists()
    assert job["state"] == "SUCCEEDED", job
    (told,) = job["result"]["targets"]
    assert (told["method"], told["vectors"] > 0) == ("firmware", True)
    assert ("a flash was cut off: it is done again" in daemon.log()[before:]) == (point == "ports.begun")


def test_a_flash_that_is_canceled_is_brought_to_its_end(daemon: Daemon) -> None:
    only_firmware(daemon)
    with daemon.start().client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        assert wait_for_end(client, deploy(client, 1))["state"] == "SUCCEEDED"
    daemon.stop()
    daemon.start(environment={"TRAINERD_FAULT": "ports.verify:pause"})
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        job_id = deploy(client, 2)
        wait_until("the ports process to pause in the flash", lambda: paused(daemon))
        reply = client.request("post", f"api/1/jobs/{job_id}/cancel")
        assert reply.status == 200, reply.body
        # Whoever canceled waits for the board.
        assert client.request("get", f"api/1/jobs/{job_id}/status").body["job"]["finished"] is None
        os.kill(paused(daemon)[0], signal.SIGCONT)
        wait_for_end(client, job_id)
        (again,) = wait_for_end(client, deploy(client, 2))["result"]["targets"]
    assert (again["bytes"], again["previous"]["version"]) == (0, 2)


def only_firmware(daemon: Daemon) -> None:
    """Stop a daemon, and let its board be flashed and nothing else."""
    daemon.stop()
    daemon.config = daemon.config.replace(
        'flasher = "gdb"\nflasher_', 'flasher = "gdb"\nmethod = "firmware"\nflasher_'
    )


def paused(daemon: Daemon) -> list[int]:
    """Ports processes of a daemon that are stopped."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            ours = {b"daemon.deploy.ports", str(daemon.config_file).encode()} <= set(words)
            if ours and (process / "stat").read_text().rpartition(")")[2].split()[0] == "T":
                found.append(int(process.name))
    return found


def test_a_target_that_is_not_there_starts_nothing(client: Client) -> None:
    reply = client.request("post", DEPLOY, {"target": "lathe"})
    assert (reply.status, reply.body["code"]) == (400, "invalid_member")
