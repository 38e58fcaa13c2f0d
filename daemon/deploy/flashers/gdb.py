"""GDB's `load`, through any server of its protocol: OpenOCD, pyOCD, J-Link, an emulator."""

from __future__ import annotations

from daemon.deploy.flashers.complaints import Complaint
from daemon.deploy.flashers.flasher import Options as Common
from daemon.deploy.flashers.flasher import Reach, Task
from daemon.deploy.flashers.program import Argv, Program
from daemon.errors import BoardUnreachable, FlashFailed


class Options(Common, frozen=True, kw_only=True):
    """What GDB is told.

    Parameters
    ----------
    server : str
        Address of the server: ``127.0.0.1:3333``.
    reset : str
        What the server is told to start the program: ``reset run`` for OpenOCD, ``reset`` for pyOCD and
        J-Link, ``system_reset`` for QEMU.
    """

    server: str
    reset: str = "reset run"


_SCRIPT = "load.gdb"
_MARKS = (("Loading section", 0.1), ("Start address", 0.6), ("Section ", 0.8), ("[Inferior", 1.0))


def _steps(task: Task[Options]) -> tuple[Argv, ...]:
    # In a script the first command that fails ends all; of commands as arguments only the last one counts.
    (task.folder / _SCRIPT).write_text(
        "set confirm off\n"
        "set tcp auto-retry off\n"
        "set remotetimeout 30\n"
        f"target extended-remote {task.options.server}\n"
        "load\n"
        "compare-sections\n"
        f"monitor {task.options.reset}\n"
        "detach\n",
        encoding="utf-8",
    )
    return (("-q", "-nx", "-batch", "-x", _SCRIPT, task.image),)


def _progress(line: str) -> float | None:
    return next((share for start, share in _MARKS if line.startswith(start)), None)


FLASHER = Program(
    name="gdb",
    program="gdb-multiarch",
    install="apt-get install gdb-multiarch",
    formats=("elf",),
    options=Options,
    reach=Reach.NETWORK,
    verifies=True,
    erases=False,
    resets=True,
    reads=False,
    steps=_steps,
    written=r"\A(?!.*MIS-MATCHED).*: matched",
    progress=_progress,
    complaints=(
        Complaint(
            r"Section (?P<section>\S+), .*MIS-MATCHED",
            FlashFailed,
            "the flash does not hold in {section} what was written to it: is it flash that the server can "
            "write?",
        ),
        Complaint(
            r"Connection (?:timed out|refused|reset)|could not connect|Remote connection closed|"
            r"Remote replied unexpectedly|Connection closed",
            BoardUnreachable,
            "no gdb server answers: start it, and check `server`",
        ),
        Complaint(
            r"Load failed|Error (?:finishing|erasing|writing) flash|Cannot access memory",
            FlashFailed,
            "the server could not write the flash: see its own log",
        ),
    ),
)
