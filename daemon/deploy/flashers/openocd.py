"""OpenOCD: whatever a debug probe reaches."""

from __future__ import annotations

from daemon.deploy.flashers.complaints import MISMATCH, NO_CHIP, NO_PROBE, Complaint
from daemon.deploy.flashers.flasher import Options as Common
from daemon.deploy.flashers.flasher import Reach, Task
from daemon.deploy.flashers.program import Argv, Program
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed

_MARKS = {
    "** Programming Started **": 0.1,
    "** Programming Finished **": 0.6,
    "** Verify Started **": 0.65,
    "** Verified OK **": 0.95,
    "** Resetting Target **": 1.0,
}


class Options(Common, frozen=True, kw_only=True):
    """What OpenOCD is told.

    Parameters
    ----------
    config : list of str
        Its configuration files, in order: ``interface/stlink.cfg``, ``target/stm32f4x.cfg``.
    probe : str
        Serial number of the probe; needed where there are several.
    speed_khz : int or None
        Clock of the probe.
    address : int
        Where a ``bin`` image goes.
    erase : bool
        Clear the whole first bank of flash before.
    """

    config: list[str]
    probe: str = ""
    speed_khz: int | None = None
    address: int = 0x0800_0000
    erase: bool = False


#: It would listen for debuggers of the whole network.
_NO_SERVERS = "gdb_port disabled; tcl_port disabled; telnet_port disabled"


def _common(task: Task[Options]) -> Argv:
    options = task.options
    return (
        *("-c", _NO_SERVERS),
        *(word for each in options.config for word in ("-f", each)),
        *(("-c", f"adapter serial {{{options.probe}}}") if options.probe else ()),
        *(() if options.speed_khz is None else ("-c", f"adapter speed {options.speed_khz}")),
    )


def _steps(task: Task[Options]) -> tuple[Argv, ...]:
    address = f" {task.options.address:#010x}" if task.image.endswith(".bin") else ""
    erase = (
        ("-c", "init", "-c", "reset init", "-c", "flash erase_sector 0 0 last") if task.options.erase else ()
    )
    return ((*_common(task), *erase, "-c", f"program {task.image} verify reset exit{address}"),)


def _backup(task: Task[Options]) -> tuple[Argv, ...]:
    read = f"dump_image {task.image} {task.options.address:#010x} {task.size:#x}"
    return (
        (*_common(task), "-c", "init", "-c", "reset halt", "-c", read, "-c", "reset run", "-c", "shutdown"),
    )


FLASHER = Program(
    name="openocd",
    program="openocd",
    install="apt-get install openocd",
    formats=("hex", "elf", "bin"),
    options=Options,
    reach=Reach.USB,
    verifies=True,
    erases=True,
    resets=True,
    reads=True,
    steps=_steps,
    backup=_backup,
    written=r"\*\* Verified OK \*\*",
    progress=_MARKS.get,
    complaints=(
        Complaint(
            r"\*\* Verify Failed \*\*|checksum mismatch|contents differ",
            FlashFailed,
            MISMATCH,
        ),
        Complaint(
            r"[Ww]rite protect|is protected|failed erasing sectors|[Rr]ead protection",
            BoardRefused,
            "the chip does not let its flash be written: it is protected, clear that with its vendor's tool",
        ),
        Complaint(
            r"no flash bank found for address|is out of range|outside of (?:the )?flash|too large|"
            r"does not fit",
            BoardRefused,
            "the image does not fit into the flash of the target: check its address and `config`",
        ),
        Complaint(
            r"UNEXPECTED idcode|[Uu]nexpected idcode|Cannot identify target|expected 1 of 1",
            FlashFailed,
            "another chip hangs on the probe than `config` names",
        ),
        Complaint(
            r"Can't find (?P<file>\S+)",
            FlashFailed,
            "OpenOCD has no file {file}: see `config`",
        ),
        Complaint(
            r"open failed|no device found|unable to find|No J-Link device found|unable to open|"
            r"Error: No (?:Valid )?(?:JTAG|CMSIS-DAP|adapter)",
            BoardUnreachable,
            NO_PROBE,
        ),
        Complaint(
            r"init mode failed|target voltage|[Uu]nable to connect|[Uu]nable to reset target|"
            r"Error connecting DP|cannot read IDR|not halted|OpenOCD init failed",
            BoardUnreachable,
            NO_CHIP,
        ),
    ),
)
