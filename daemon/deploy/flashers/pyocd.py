"""pyOCD: Cortex-M chips through CMSIS-DAP, ST-Link and J-Link probes."""

from __future__ import annotations

from daemon.deploy.flashers.complaints import MISMATCH, NO_CHIP, NO_PROBE, Complaint
from daemon.deploy.flashers.flasher import Options as Common
from daemon.deploy.flashers.flasher import Reach, Task
from daemon.deploy.flashers.program import Argv, Program
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed

#: Length of its bar where nobody watches.
_MARKS = 40


class Options(Common, frozen=True, kw_only=True):
    """What pyOCD is told.

    Parameters
    ----------
    target : str
        The chip, by pyOCD's name: ``stm32f407vg``.
    probe : str
        Unique id of the probe; needed where there are several.
    pack : str
        File of the vendor's pack, for chips that pyOCD does not know by itself.
    frequency : str
        Clock of the probe, ``4M`` for example.
    address : int
        Beginning of the flash.
    erase : bool
        Clear the whole flash first.
    """

    target: str
    probe: str = ""
    pack: str = ""
    frequency: str = ""
    address: int = 0x0800_0000
    erase: bool = False


def _common(task: Task[Options]) -> Argv:
    options = task.options
    return (
        *("--no-config", "--no-wait", "--target", options.target),
        *(("--uid", options.probe) if options.probe else ()),
        *(("--pack", options.pack) if options.pack else ()),
        *(("--frequency", options.frequency) if options.frequency else ()),
    )


def _steps(task: Task[Options]) -> tuple[Argv, ...]:
    options = task.options
    address = f"{options.address:#010x}"
    how = "chip" if options.erase else "sector"
    load = ("load", *_common(task), "--erase", how, "--base-address", address, task.image)
    # Loading does not read back.
    compare = ("commander", *_common(task), "--halt", "-c", f"compare {address} {task.image}", "-c", "reset")
    return load, compare


def _backup(task: Task[Options]) -> tuple[Argv, ...]:
    save = f"savemem {task.options.address:#010x} {task.size:#x} {task.image}"
    return (("commander", *_common(task), "--halt", "-c", save, "-c", "reset"),)


def _progress(line: str) -> float | None:
    if line.startswith("[=") and set(line) <= set("[=]"):
        return min(line.count("=") / _MARKS, 1.0)
    return None


FLASHER = Program(
    name="pyocd",
    program="pyocd",
    install="pip install pyocd",
    formats=("bin",),
    options=Options,
    reach=Reach.USB,
    verifies=True,
    erases=True,
    resets=True,
    reads=True,
    steps=_steps,
    backup=_backup,
    written=r"All \d+ bytes match",
    progress=_progress,
    complaints=(
        Complaint(r"Mismatched byte at", FlashFailed, MISMATCH),
        Complaint(
            r"No target device available|No available debug probes|No connected debug probes|[Pp]robe .*not "
            r"found",
            BoardUnreachable,
            NO_PROBE,
        ),
        Complaint(
            r"[Tt]arget type '?(?P<chip>\S+?)'? not recognized|is not a recognized target",
            FlashFailed,
            "pyOCD does not know this chip: pyocd list --targets shows which it knows, `pack` adds one",
        ),
        Complaint(
            r"no memory region defined|outside of|exceeds|no flash memory",
            BoardRefused,
            "the image does not fit into the flash of the target: check `target` and `address`",
        ),
        Complaint(
            r"[Ff]lash (?:erase|program|init).*(?:fail|timed out)|is not writable|locked|protected",
            BoardRefused,
            "the chip does not let its flash be written: pyocd erase --mass clears a protection, and all "
            "else",
        ),
        Complaint(
            r"No ACK|Transfer(?:Fault)?Error|SWD/JTAG|Unable to (?:connect|open)|Memory transfer fault",
            BoardUnreachable,
            NO_CHIP,
        ),
    ),
)
