"""stm32flash: STM32s, through the serial bootloader in their ROM (AN3155)."""

from __future__ import annotations

import re

from daemon.deploy.flashers.complaints import MISMATCH, NO_ROOM, Complaint
from daemon.deploy.flashers.flasher import Reach, SerialOptions, Task
from daemon.deploy.flashers.program import Argv, Program
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed


class Options(SerialOptions, frozen=True, kw_only=True):
    """What stm32flash is told beyond the port.

    Parameters
    ----------
    address : int
        Where a ``bin`` image goes, and where the program starts.
    mode : str
        Bits, parity, stop bits; the ROM speaks ``8e1``.
    sequence : str
        Lines that switch BOOT0 and reset, before and after: ``rts,-dtr:-rts,dtr`` for example; empty where
        somebody presses a button.
    """

    address: int = 0x0800_0000
    mode: str = "8e1"
    sequence: str = ""

    def parity(self) -> str:
        """Parity of the line, from `mode`."""
        return self.mode[1].upper()


def _common(task: Task[Options]) -> Argv:
    options = task.options
    # A pseudo-terminal has no parity; what is behind it was set to it.
    mode = "8n1" if task.behind else options.mode
    lines = ("-i", options.sequence) if options.sequence and not task.behind else ()
    return ("-b", str(options.baud), "-m", mode, *lines)


def _steps(task: Task[Options]) -> tuple[Argv, ...]:
    address = f"{task.options.address:#010x}"
    return ((*_common(task), "-S", address, "-w", task.image, "-v", "-g", address, task.port),)


def _backup(task: Task[Options]) -> tuple[Argv, ...]:
    place = f"{task.options.address:#010x}:{task.size:#x}"
    return ((*_common(task), "-S", place, "-r", task.image, task.port),)


def _progress(line: str) -> float | None:
    found = re.match(r"(?:Wrote|Read) .*\((?P<percent>[\d.]+)%\)", line)
    return float(found["percent"]) / 100 if found else None


FLASHER = Program(
    name="stm32flash",
    program="stm32flash",
    install="apt-get install stm32flash",
    formats=("bin", "hex"),
    options=Options,
    reach=Reach.TTY,
    verifies=True,
    erases=False,
    resets=True,
    reads=True,
    steps=_steps,
    backup=_backup,
    # An image that is too large is cut off at the end of the flash, and status 0 is given.
    written=r"Wrote and verified address 0x\w+ \(100\.00%\) Done",
    progress=_progress,
    # It says its version only where it is given a port; this one is none.
    tells_version=("/dev/null",),
    complaints=(
        Complaint(r"Failed to verify at address", FlashFailed, MISMATCH),
        Complaint(
            r"Got NACK from device on command 0x(?:44|43|31)|Failed to erase|write-protect|readout protect",
            BoardRefused,
            "the chip does not let its flash be written: it is protected; stm32flash -k {port} clears that "
            "and erases all of it, stm32flash -u {port} clears write protection alone",
        ),
        Complaint(
            r"Failed to init device|Failed to read ACK byte|Got byte 0x\w+ instead of ACK|Failed to get ACK",
            BoardUnreachable,
            "no bootloader answers on {port}: set BOOT0 and press reset, or give `sequence` where lines "
            "are wired to them; check `baud`",
        ),
        Complaint(
            r"Unknown/unsupported device \(Device ID: (?P<id>0x\w+)\)",
            FlashFailed,
            "stm32flash does not know this chip (id {id}): take a newer one, or openocd",
        ),
        Complaint(r"\(99\.\d\d%\) Done|File provided larger", BoardRefused, NO_ROOM),
    ),
)
