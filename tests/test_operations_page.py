"""The commands of the page about operations, one after another, with a daemon that they stop and start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import errors
from tests.harness import PATIENCE, Broker, Daemon
from tests.scenario import set_up_project, train, wait_for_end

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "operations.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

#: Stands in for systemd, which cannot run here: it stops the test's daemon, and starts it again.
SYSTEMCTL = """#!/bin/bash
set -eu
case "$1" in
stop) kill -TERM "$(cat pid)"; while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.05; done ;;
start)
    trainerd run >>daemon.log 2>&1 </dev/null &
    echo $! >pid
    for _ in $(seq 600); do [ -S run/trainerd.sock ] && exit 0; sleep 0.05; done
    exit 1 ;;
esac
"""


@pytest.fixture
def device(broker: Broker, tmp_path: Path) -> Iterator[Daemon]:
    """A directory that is a shell's home, with a configuration and a daemon under the stand-in's control."""
    daemon = Daemon(tmp_path, broker.port, device="operated")
    config = daemon.write_config()
    (tmp_path / "trainerd").mkdir()
    (tmp_path / "trainerd" / "trainerd.toml").write_text(config.read_text())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    shell(daemon, "systemctl start trainerd")
    yield daemon
    shell(daemon, "systemctl stop trainerd")


def shell(daemon: Daemon, script: str) -> str:
    """What a shell prints in the daemon's directory."""
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(daemon.directory),
        "PATH": f"{daemon.directory / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("/etc/trainerd/", "trainerd/")],
        cwd=daemon.directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}\n{daemon.log()}"
    return done.stdout


def test_the_commands_work_one_after_another(device: Daemon) -> None:
    with device.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        set_up_project(client)
        wait_for_end(client, train(client))
        printed = [shell(device, block) for block in BLOCKS]
        assert [job["state"] for job in client.request("get", "jobs").body["jobs"]] == ["SUCCEEDED"]
    said = "\n".join(printed)
    assert "debug\n" in said and "backup.json" in said
    assert "as device operated had it" in said
    assert "good; device operated" in said


def test_every_end_of_the_daemon_is_told_what_to_do() -> None:
    kinds: list[type[errors.TrainerdError]] = [
        errors.ConfigError,
        errors.StateError,
        errors.DiskUnwritable,
    ]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        assert re.search(rf"^\| `{kind.code}` \|", PAGE, re.MULTILINE), kind
