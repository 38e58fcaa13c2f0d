"""picotool: RP2040 and RP2350, through the USB bootloader in their ROM."""

from __future__ import annotations

import re

from daemon.deploy.flashers.complaints import MISMATCH, Complaint
from daemon.deploy.flashers.flasher import Options as Common
from daemon.deploy.flashers.flasher import Reach, Task
from daemon.deploy.flashers.program import Argv, Program
from daemon.errors import BoardUnreachable, FlashFailed


class Options(Common, frozen=True, kw_only=True):
    """What picotool is told.

    Parameters
    ----------
    serial : str
        Serial number of the board's flash; needed where there are several boards.
    address : int
        Where a ``bin`` image goes.
    """

    serial: str = ""
    address: int = 0x1000_0000


def _chosen(task: Task[Options]) -> Argv:
    # Reboots a program that speaks USB into the bootloader first.
    return ("--ser", task.options.serial, "-f") if task.options.serial else ("-f",)


def _steps(task: Task[Options]) -> tuple[Argv, ...]:
    offset = ("-o", f"{task.options.address:#010x}") if task.image.endswith(".bin") else ()
    return (("load", "-v", "-x", task.image, *offset, *_chosen(task)),)


def _backup(task: Task[Options]) -> tuple[Argv, ...]:
    start = task.options.address
    return (("save", "-r", f"{start:#010x}", f"{start + task.size:#010x}", task.image, *_chosen(task)),)


def _progress(line: str) -> float | None:
    found = re.match(r"(?P<what>Loading into|Verifying|Saving file).*\]\s+(?P<percent>\d+)%", line)
    if not found:
        return None
    done = int(found["percent"]) / 100
    return {"Loading into": done / 2, "Verifying": (1 + done) / 2}.get(found["what"], done)


FLASHER = Program(
    name="picotool",
    program="picotool",
    install="apt-get install picotool, from Debian 13 on; else build https://github.com/raspberrypi/picotool",
    formats=("elf", "bin", "uf2"),
    options=Options,
    reach=Reach.USB,
    verifies=True,
    erases=False,
    resets=True,
    reads=True,
    steps=_steps,
    backup=_backup,
    written=r"Verifying .*OK",
    progress=_progress,
    tells_version=("version",),
    complaints=(
        Complaint(r"did not match the file|FAILED", FlashFailed, MISMATCH),
        Complaint(
            r"unable to connect",
            BoardUnreachable,
            "no permission for the board in BOOTSEL mode: install systemd/70-trainerd.rules",
        ),
        Complaint(
            r"[Nn]o accessible .*devices? in BOOTSEL mode w(?:ere|as) found|not responding",
            BoardUnreachable,
            "no board is in BOOTSEL mode: hold BOOTSEL while you plug it in; several boards need `serial`",
        ),
        Complaint(
            r"family .* (?:cannot|not)|incompatible|[Ww]rong (?:chip|family)",
            FlashFailed,
            "the image is for another chip than the one that is plugged in",
        ),
    ),
)
