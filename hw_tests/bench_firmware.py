"""What the reference firmware takes of a microcontroller, beside what it is held against.

``python -m hw_tests.bench_firmware`` prints one table. Flash: code, constants and initial values of the
firmware without a model, built as the daemon builds it, with slots, signatures and packed updates; and what
MLPerf's text commands and sampling a sensor add to it. RAM, of all together: variables, and the stack of an
emulated board down to the last byte that is no longer 0, after every command and an update with a signed
model; the ring of samples takes what RAM is left over.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import tempfile
from pathlib import Path

from hw_tests.boards import BOARDS, SUPPORT, flash_bytes
from hw_tests.boards.emulated import STACK, build_firmware, emulated
from tests.firmware.smp_line import IMAGE, MODEL, OS, READ, WRITE, Line
from tests.firmware.updates import KEY_FLAG, Update, install, upload

FLASH_BAR, RAM_BAR = 8192, 2048
NO_MODEL = SUPPORT / "no_model.c"


def ram_bytes(elf: Path) -> int:
    """Bytes of an image's variables."""
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", str(elf)], capture_output=True, text=True, check=True
    ).stdout
    return sum(int(size) for size in re.findall(r"^\.(?:data|bss)\s+(\d+)", listing, re.MULTILINE))


def stack_bytes(core: str, folder: Path) -> int:
    """How deep the stack goes while a board answers everything and is updated.

    Raises
    ------
    RuntimeError
        Deeper than what is kept for it.
    """
    origin, length = BOARDS[core].ram
    dump, monitor = folder / "dump", folder / "monitor"
    elf = build_firmware(core, folder / "linear.elf", flags=[KEY_FLAG])
    options = [
        *("-chardev", f"socket,id=monitor,path={monitor},server=on,wait=off"),
        *("-mon", "chardev=monitor,mode=control"),
    ]
    with emulated(core, elf, options=options) as board, Line.to(board) as line:
        line.wait()
        _converse(line)
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(monitor))
            memory = {"val": origin + length - STACK, "size": STACK, "filename": str(dump)}
            for command, arguments in (("qmp_capabilities", {}), ("memsave", memory), ("quit", {})):
                asking.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
            board.process.wait()
    used = len(dump.read_bytes().lstrip(b"\0"))
    if used == STACK:
        raise RuntimeError(f"{core}: the stack is deeper than the {STACK} bytes kept for it")
    return used


def _converse(line: Line) -> None:
    """Every command, and a whole update."""
    for group, command in ((OS, 6), (IMAGE, 0), (MODEL, 0)):
        line.ask(READ, group, command)
    line.ask(WRITE, OS, 0, d="x" * 300)
    line.ask(WRITE, MODEL, 1, **{"in": bytes(240)})
    line.ask(WRITE, MODEL, 3, everyms=1)
    while not line.ask(READ, MODEL, 2, **{"from": 0, "max": 9})["in"]:
        pass
    line.connection.sendall(b"profile%")
    line.connection.sendall(b"infer 3 1%")
    install(line, Update(bias=100))
    line.ask(WRITE, IMAGE, 5)
    upload(line, Update(bias=200, sequence=2).signed())


def main() -> None:
    """Print the table."""
    print(
        f"{'firmware without a model':26}{'flash':>7}{'bar':>7}{'MLPerf':>8}{'sampling':>10}"
        f"{'RAM':>7}{'bar':>7}   variables + stack"
    )
    for core in ("M0", "M4F"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            least, with_front, whole = (
                build_firmware(
                    core,
                    folder / f"{front}{sensor}.elf",
                    model=[NO_MODEL],
                    flags=[f"-DFW_MLPERF={front}", f"-DFW_SENSOR={sensor}"],
                    sensor=False,
                )
                for front, sensor in ((0, 0), (1, 0), (1, 1))
            )
            flash, front, sampling = flash_bytes(least), flash_bytes(with_front), flash_bytes(whole)
            variables, stack = ram_bytes(whole), stack_bytes(core, folder)
            print(
                f"{core:26}{flash:7}{FLASH_BAR:7}{front - flash:+8}{sampling - front:+10}"
                f"{variables + stack:7}{RAM_BAR:7}   {variables} + {stack}"
            )


if __name__ == "__main__":
    main()
