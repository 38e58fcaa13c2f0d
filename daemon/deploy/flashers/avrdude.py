"""avrdude: AVRs, through an Arduino's bootloader or a programmer."""

from __future__ import annotations

from daemon.deploy.flashers.complaints import MISMATCH, NO_ROOM, Complaint
from daemon.deploy.flashers.flasher import Reach, SerialOptions, Task
from daemon.deploy.flashers.program import Argv, Program
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed

#: As avrdude calls formats of files.
_FORMATS = {"hex": "i", "elf": "e", "bin": "r"}
#: Length of its bar.
_MARKS = 50


class Options(SerialOptions, frozen=True, kw_only=True):
    """What avrdude is told beyond the port.

    Parameters
    ----------
    part : str
        The microcontroller, by avrdude's name: ``m328p``.
    programmer : str
        ``arduino`` and ``wiring`` are bootloaders; ``usbasp``, ``avrispmkII`` and the like are devices.
    bitclock_us : float or None
        Period of the clock of a programmer, for slow parts.
    erase : bool
        Clear the whole flash first; a bootloader cannot.
    """

    part: str
    programmer: str = "arduino"
    bitclock_us: float | None = None
    erase: bool = False


def _common(task: Task[Options]) -> Argv:
    options = task.options
    # Its word for a socket; pyserial's is the one of the configuration.
    port = task.port.replace("socket://", "net:", 1)
    clock = () if options.bitclock_us is None else ("-B", f"{options.bitclock_us:g}")
    return ("-p", options.part, "-c", options.programmer, "-P", port, "-b", str(options.baud), *clock)


def _steps(task: Task[Options]) -> tuple[Argv, ...]:
    form = _FORMATS[task.image.rpartition(".")[2]]
    erase = "-e" if task.options.erase else "-D"
    return ((*_common(task), erase, "-U", f"flash:w:{task.image}:{form}"),)


def _backup(task: Task[Options]) -> tuple[Argv, ...]:
    return ((*_common(task), "-U", f"flash:r:{task.image}:r"),)


def _progress(line: str) -> float | None:
    what, bar, marks = line.partition(" | ")
    if not bar or what not in ("Writing", "Reading"):
        return None
    done = min(marks.count("#") / _MARKS, 1.0)
    return done / 2 if what == "Writing" else (1 + done) / 2


FLASHER = Program(
    name="avrdude",
    program="avrdude",
    install="apt-get install avrdude",
    formats=("hex", "elf", "bin"),
    options=Options,
    reach=Reach.SERIAL,
    verifies=True,
    erases=True,
    resets=True,
    reads=True,
    steps=_steps,
    backup=_backup,
    written=r"bytes of flash verified",
    progress=_progress,
    tells_version=("-?",),
    complaints=(
        Complaint(
            r"expected signature for (?P<wanted>\S+)",
            FlashFailed,
            "the chip on {port} is not the {wanted} that the board's facts name: check `part`, and which "
            "board hangs on the port",
        ),
        Complaint(r"verification (?:error|mismatch)", FlashFailed, MISMATCH),
        Complaint(
            r"on port usb|cannot find USB device|no device found matching",
            BoardUnreachable,
            "no programmer was found on USB: plug it in, check `programmer`, and its permissions: install "
            "systemd/70-trainerd.rules",
        ),
        Complaint(
            r"not in sync|programmer is not responding|unable to open programmer|stk500_recv|"
            r"initialization failed|timeout communicating",
            BoardUnreachable,
            "no bootloader answers on {port}: press reset just before, check `programmer` and `baud`, and "
            "that the reset line is wired (DTR)",
        ),
        Complaint(
            r"address 0x\w+ (?:of .* )?(?:is )?out of range|does not fit|exceeds|out of bounds",
            BoardRefused,
            NO_ROOM,
        ),
        Complaint(
            r"AVR part \S+ not found|part .* not found|[Uu]nknown part",
            FlashFailed,
            "avrdude knows no such `part`: avrdude -p ? lists them",
        ),
    ),
)
