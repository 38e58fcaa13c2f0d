"""Boards that wait to be flashed: bootloaders on emulated chips, and programs to be written through them."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hw_tests.boards import BOARDS, SUPPORT, build
from hw_tests.boards.avr import build_simulator

#: A genuine bootloader of an Arduino with an ATmega328P, from Debian's arduino-core-avr.
ARDUINO_BOOTLOADER = Path(
    "/usr/share/arduino/hardware/arduino/avr/bootloaders/atmega/ATmegaBOOT_168_atmega328.hex"
)
ARDUINO_BOOTLOADER_START = 0x7800

_M4F = BOARDS["M4F"]
#: Where AN3155's flash is on the emulated board, and RAM that its bootloader leaves alone.
AN3155_BOARD = replace(_M4F, flash=(0x2100_0000, 0x0010_0000), ram=(0x2010_0000, 0x0010_0000))
_FLAGS = ("-Os", "-std=c99", "-Wall", "-Wextra", "-Werror")


@contextlib.contextmanager
def arduino(*programs: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """An ATmega328P in simavr with the bootloader and programs in its flash.

    Parameters
    ----------
    *programs : Path
        Intel HEX files that are there from the start.

    Yields
    ------
    str
        Device of its UART.
    Popen
        The simulator.
    """
    command: list[str | Path] = [build_simulator(), ARDUINO_BOOTLOADER, *programs, "--from"]
    command.append(hex(ARDUINO_BOOTLOADER_START))
    # simavr's reader of HEX wonders about the record with the start address.
    with _running(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip(), process


@contextlib.contextmanager
def an3155(*defines: str) -> Iterator[str]:
    """An emulated Cortex-M4F in our bootloader that speaks AN3155; the URL of its UART.

    Parameters
    ----------
    *defines : str
        Misfortunes of ``an3155.c``: ``-DPROTECTED`` for example.
    """
    with tempfile.TemporaryDirectory() as folder:
        elf = build(_M4F, [SUPPORT / "an3155.c"], Path(folder) / "an3155.elf", flags=(*_FLAGS, *defines))
        semihosting = ("-semihosting-config", "enable=on,target=native")
        with qemu("mps2-an386", "-kernel", str(elf), *semihosting, until=b"ready") as (url, _):
            yield url


@contextlib.contextmanager
def qemu(
    machine: str, *arguments: str, program: str = "qemu-system-arm", until: bytes = b""
) -> Iterator[tuple[str, str]]:
    """A QEMU board.

    Parameters
    ----------
    machine : str
        QEMU's name of the board.
    *arguments : str
        Further ones: an image, or ``-S`` for a board that waits for a debugger.
    program : str
        QEMU for the board's kind of cores.
    until : bytes
        What a line of its standard error has when the board is ready.

    Yields
    ------
    url : str
        Of its first UART.
    server : str
        Address of its gdb server.
    """
    # QEMU is given sockets that listen already: no port is guessed, nothing is waited for.
    with socket.create_server(("127.0.0.1", 0)) as uart, socket.create_server(("127.0.0.1", 0)) as gdb:
        lines = [
            word
            for name, listener in (("uart", uart), ("gdb", gdb))
            for word in ("-chardev", f"socket,id={name},fd={listener.fileno()},server=on,wait=off,nodelay=on")
        ]
        command = [
            *(program, "-M", machine, "-display", "none", "-monitor", "none", *lines),
            *("-serial", "chardev:uart", "-gdb", "chardev:gdb", *arguments),
        ]
        handles = (uart.fileno(), gdb.fileno())
        with _running(command, pass_fds=handles, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            while until and until not in process.stderr.readline():
                if process.poll() is not None:
                    raise RuntimeError(f"the board did not start: status {process.returncode}")
            yield f"socket://127.0.0.1:{uart.getsockname()[1]}", f"127.0.0.1:{gdb.getsockname()[1]}"


def greeting_program(
    folder: Path, greeting: str, *, board: str = "an3155", filler: int = 0
) -> dict[str, Path]:
    """A program that says `greeting` after each line: its images by format.

    Parameters
    ----------
    folder : Path
        Where they go.
    greeting : str
        What it says.
    board : str
        ``an3155`` or ``arduino``, or ``M4F`` for the emulated board as it is.
    filler : int
        Bytes of constants that make it larger.
    """
    defines = (f'-DGREETING="{greeting}"', *((f"-DFILLER={filler}",) if filler else ()))
    elf = folder / "program.elf"
    if board == "arduino":
        source = str(SUPPORT / "greet_avr.c")
        subprocess.run(["avr-gcc", "-mmcu=atmega328p", *_FLAGS, *defines, source, "-o", str(elf)], check=True)
        return images_of(elf, "avr-objcopy")
    place = AN3155_BOARD if board == "an3155" else _M4F
    return images_of(build(place, [SUPPORT / "greet.c"], elf, flags=(*_FLAGS, *defines)))


def images_of(elf: Path, objcopy: str = "arm-none-eabi-objcopy") -> dict[str, Path]:
    """A linked program by format, each file beside it."""
    images = {"elf": elf}
    for form, name in (("hex", "ihex"), ("bin", "binary")):
        images[form] = elf.with_suffix(f".{form}")
        subprocess.run([objcopy, "-O", name, "-R", ".eeprom", str(elf), str(images[form])], check=True)
    return images


@contextlib.contextmanager
def _running(command: Sequence[str | Path], **how: object) -> Iterator[subprocess.Popen[bytes]]:
    process: subprocess.Popen[bytes]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, **how) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()
