"""What tools say when they fail, and what that means for the person at the gateway."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from daemon.errors import BoardUnreachable, DeployError

RULES = "install systemd/70-trainerd.rules, or add the user of trainerd to the group that owns it"


@dataclass(frozen=True)
class Complaint:
    """One way to fail.

    Parameters
    ----------
    pattern : str
        Regular expression for the output of the tool; lines are matched by ``^`` and ``$``.
    error : type of DeployError
        What it means for the job.
    remedy : str
        What happened and what to do; ``{port}`` and the named groups of the pattern are filled in.
    """

    pattern: str
    error: type[DeployError]
    remedy: str


def closed_port(port: str) -> str:
    """What to say of a port that may not be used."""
    return f"no permission for {port}: {RULES}"


def gone_port(port: str) -> str:
    """What to say of a port that was there."""
    return f"{port} went away while it was used: check cable and supply, then deploy again"


MISMATCH = (
    "the flash does not hold what was written to it: deploy again; a chip that says so twice is worn out"
)
NO_ROOM = "the image does not fit into the flash of the chip"
NO_PROBE = (
    "no probe was found: plug it in, check `probe`, and its permissions: install systemd/70-trainerd.rules"
)
NO_CHIP = "the probe is there and no chip answers it: check the supply of the board and the wires to it"

#: What the system says through any tool.
SYSTEM = (
    Complaint(
        r"Permission denied|Access denied|LIBUSB_ERROR_ACCESS", BoardUnreachable, closed_port("{port}")
    ),
    Complaint(
        r"Device or resource busy|LIBUSB_ERROR_BUSY",
        BoardUnreachable,
        "another program has {port} open: find it with fuser -v {port}",
    ),
    Complaint(
        r"Input/output error|No such device\b|LIBUSB_ERROR_NO_DEVICE|device disconnected|socket disconnected",
        BoardUnreachable,
        gone_port("{port}"),
    ),
)


def explain(output: str, complaints: Iterable[Complaint], port: str) -> DeployError | None:
    """The first complaint, in the order of the table, that the output has; None where it has none."""
    for complaint in (*complaints, *SYSTEM):
        if found := re.search(complaint.pattern, output, re.MULTILINE):
            message = complaint.remedy.format(port=port or "the probe", **found.groupdict())
            return complaint.error(message, retryable=complaint.error is BoardUnreachable)
    return None
