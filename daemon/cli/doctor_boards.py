"""What ``trainerd doctor`` says of boards: tools that flash them, targets, ports, and who holds these."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daemon.cli.finding import Finding
from daemon.config import Config
from daemon.deploy.flashers.table import NAMES, available, version
from daemon.deploy.targets import describe_targets
from daemon.wire.targets import Target


def flashers() -> Iterator[Finding]:
    """Tools that write firmware onto boards."""
    for name in NAMES:
        reason = available(name)
        if reason is None:
            yield Finding("tools that flash boards", name, True, version(name) or "")
        else:
            problem, _, remedy = reason.partition(": ")
            yield Finding("tools that flash boards", name, False, problem, remedy or None)


def targets(config: Config) -> Iterator[Finding]:
    """What each target can do, and whether its port can be used."""
    if not config.targets:
        return
    yield _process(config)
    for told in describe_targets(config):
        yield _target(told)
        yield _port(told["name"], config.targets[told["name"]], config)


def _process(config: Config) -> Finding:
    path = config.ports_socket_path
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(path))
        except OSError as error:
            remedy = (
                "it starts with the daemon: trainerd run"
                if config.deploy.socket is None
                else "systemctl enable --now trainerd-ports"
            )
            return Finding("targets", "ports process", False, f"{path}: {error.strerror}", remedy)
    return Finding("targets", "ports process", True, f"listens at {path}")


def _target(told: dict[str, Any]) -> Finding:
    ways = " or ".join(told["methods"]) or "no way"
    detail = f"{told['board']}, {told['core']}: {ways}"
    if told["available"] and "reason" in told:
        detail += f"; {told['reason']}"
    return Finding("targets", told["name"], told["available"], detail, told.get("reason"))


def _port(name: str, target: Target, config: Config) -> Finding:
    """The port, without opening it: that alone would reset some boards."""
    title = f"{name}'s port"
    if "://" in target.port:
        return Finding("targets", title, True, f"{target.port}, which is not tried")
    if not Path(target.port).exists():
        remedy = "plug the board in; systemd/70-trainerd.rules gives names that stay"
        return Finding("targets", title, False, f"{target.port} is not there", remedy)
    # Where a unit holds the ports it does so as another user.
    if config.deploy.socket is None and not os.access(target.port, os.R_OK | os.W_OK):
        remedy = "install systemd/70-trainerd.rules, or put the daemon's user into the group that owns it"
        return Finding("targets", title, False, f"{target.port} is closed to this user", remedy)
    return Finding("targets", title, True, os.path.realpath(target.port))
