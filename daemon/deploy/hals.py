"""What the reference firmware is built of for each kind of board: one row a hardware layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Hal:
    """A hardware layer of ``firmware_export/firmware/boards``.

    Parameters
    ----------
    compiler : str
        What it compiles with.
    sources : tuple of str
        Its files there.
    script : str or None
        Linker script there; None for the compiler's own.
    standard : str
        Of the language, with the extensions that it needs.
    without : frozenset of str
        Files of the core that it goes without.
    defines : tuple of str
        Macros that the facts of a board must give.
    test_signal : bool
        Whether a test signal stands in where there is no sensor.
    flash, ram, stack : int
        Bytes that the firmware without a model takes, rounded up: of flash, of RAM with its stack, and of the
        stack alone. Tests hold them against the linker.
    """

    compiler: str
    sources: tuple[str, ...]
    flash: int
    ram: int
    stack: int
    script: str | None = None
    standard: str = "c99"
    without: frozenset[str] = frozenset()
    defines: tuple[str, ...] = ()
    test_signal: bool = True


HALS: Mapping[str, Hal] = {
    "cmsdk": Hal(
        "arm-none-eabi-gcc",
        ("cortex_m.c", "cortex_m_bytes.c", "cmsdk.c"),
        flash=14_336,
        ram=2_816,
        stack=1_536,
        script="cortex_m.ld",
        defines=("UART", "CLOCK_HZ"),
    ),
    "nrf51": Hal(
        "arm-none-eabi-gcc",
        ("cortex_m.c", "cortex_m_bytes.c", "nrf51.c"),
        flash=14_848,
        ram=2_816,
        stack=1_536,
        script="cortex_m.ld",
    ),
    # Without slots, since its flash is written by bootloaders only: see the layer's file.
    "avr": Hal(
        "avr-gcc",
        ("avr.c",),
        flash=14_336,
        ram=1_280,
        stack=480,
        standard="gnu99",
        without=frozenset({"ed25519.c", "unpack.c", "upload.c"}),
        defines=("F_CPU",),
        test_signal=False,
    ),
}
