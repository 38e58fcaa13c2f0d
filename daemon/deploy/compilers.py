"""Compilers that firmware is built with here; others are in the user's own build command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Compiler:
    """A GCC for microcontrollers.

    Parameters
    ----------
    objcopy : str
        The tool beside it that makes other formats of an ELF file.
    install : str
        How to get both.
    flags : tuple of str
        For each file, beside those of the board.
    link : tuple of str
        For the linker, beside those.
    constants_in_ram : bool
        Whether constants are copied to RAM, as where loads cannot reach flash.
    """

    objcopy: str
    install: str
    flags: tuple[str, ...] = ()
    link: tuple[str, ...] = ()
    constants_in_ram: bool = False


COMPILERS: Mapping[str, Compiler] = {
    "arm-none-eabi-gcc": Compiler(
        "arm-none-eabi-objcopy",
        "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
        ("-mthumb",),
        ("-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--no-warn-rwx-segments"),
    ),
    "avr-gcc": Compiler(
        "avr-objcopy",
        "apt-get install gcc-avr avr-libc binutils-avr",
        constants_in_ram=True,
    ),
}

INSTALL: Mapping[str, str] = {
    "cmake": "apt-get install cmake",
    **{program: each.install for name, each in COMPILERS.items() for program in (name, each.objcopy)},
}
"""How to get the programs of builds."""
