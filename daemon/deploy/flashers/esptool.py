"""esptool: ESP32s, through the bootloader in their ROM."""

from __future__ import annotations

import re

from daemon.deploy.flashers.complaints import NO_ROOM, Complaint
from daemon.deploy.flashers.flasher import Reach, SerialOptions, Task
from daemon.deploy.flashers.program import Argv, Program
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed


class Options(SerialOptions, frozen=True, kw_only=True):
    """What esptool is told beyond the port.

    Parameters
    ----------
    chip : str
        ``esp32``, ``esp32c3``, ``esp32s3``...
    address : int
        Where the image goes: 0 for one that was merged with bootloader and partitions, 0x10000 for the
        application alone.
    before, after : str
        How the bootloader and the program are started: ``no-reset`` where no lines are wired.
    flash_size : str
        ``4MB`` and the like; ``keep`` leaves the header of the image as it is.
    stub : bool
        Whether a faster loader is put into RAM first.
    erase : bool
        Clear the whole flash first, settings included.
    """

    chip: str
    address: int = 0x1_0000
    baud: int = 460800
    before: str = "default-reset"
    after: str = "hard-reset"
    flash_size: str = "keep"
    stub: bool = True
    erase: bool = False


def _common(task: Task[Options]) -> Argv:
    options = task.options
    return (
        *("--chip", options.chip, "--port", task.port, "--baud", str(options.baud)),
        *(() if options.stub else ("--no-stub",)),
        *("--before", options.before, "--after", options.after),
    )


def _steps(task: Task[Options]) -> tuple[Argv, ...]:
    options = task.options
    erase = ("--erase-all",) if options.erase else ()
    place = (f"{options.address:#x}", task.image)
    return ((*_common(task), "write-flash", "--flash-size", options.flash_size, *erase, *place),)


def _backup(task: Task[Options]) -> tuple[Argv, ...]:
    place = (f"{task.options.address:#x}", f"{task.size:#x}")
    return ((*_common(task), "read-flash", *place, task.image),)


def _progress(line: str) -> float | None:
    found = re.match(r"(?:Writing at|Reading from) 0x\w+ .*?(?P<percent>[\d.]+)%", line)
    return float(found["percent"]) / 100 if found else None


FLASHER = Program(
    name="esptool",
    program="esptool",
    install="pip install 'esptool>=5'",
    formats=("bin",),
    options=Options,
    reach=Reach.SERIAL,
    verifies=True,
    erases=True,
    resets=True,
    reads=True,
    steps=_steps,
    backup=_backup,
    written=r"Hash of data verified",
    progress=_progress,
    tells_version=("version",),
    complaints=(
        Complaint(
            r"This chip is (?P<found>\S+), not (?P<wanted>[\w-]+)",
            FlashFailed,
            "the chip on {port} is an {found}, the board's facts name an {wanted}: check `chip`, and which "
            "board hangs on the port",
        ),
        Complaint(
            r"MD5 of file does not match|[Vv]erification failed",
            FlashFailed,
            "the flash does not hold what was written to it: deploy again, slower (`baud`)",
        ),
        Complaint(
            r"will not fit|larger than|exceeds",
            BoardRefused,
            NO_ROOM,
        ),
        Complaint(
            r"Secure Download Mode|Secure Boot detected|[Ss]ecurity features detected",
            BoardRefused,
            "the chip takes no image over this way: secure boot or flash encryption is on",
        ),
        Complaint(
            r"the port is busy or doesn't exist|Could not open",
            BoardUnreachable,
            "{port} cannot be opened: see who has it with fuser -v {port}",
        ),
        Complaint(
            r"Failed to connect|No serial data received|Wrong boot mode|Invalid head of packet|"
            r"Serial data stream stopped|Write timeout|Packet content transfer stopped",
            BoardUnreachable,
            "no bootloader answers on {port}: hold BOOT while you press reset, or slow down with `baud`",
        ),
    ),
)
