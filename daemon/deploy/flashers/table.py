"""The one table of flashers; each is imported on use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import msgspec

from daemon.deploy.flashers.flasher import Flasher, Options
from daemon.errors import DeployError

NAMES = ("avrdude", "esptool", "gdb", "mcumgr", "openocd", "picotool", "pyocd", "stm32flash", "uf2")


def flasher(name: str) -> Flasher:
    """The flasher of a name.

    Raises
    ------
    DeployError
        There is none of that name.
    """
    if name not in NAMES:
        raise DeployError(f"there is no flasher {name!r}: take one of {', '.join(NAMES)}")
    found: Flasher = import_module(f"daemon.deploy.flashers.{name}").FLASHER
    return found


def read_options(name: str, *layers: Mapping[str, Any]) -> Options:
    """Options of a flasher.

    Parameters
    ----------
    name : str
        The flasher.
    *layers : mapping
        Facts of the board, then what the target says; a later one wins.

    Raises
    ------
    DeployError
        An unknown option, a missing or a mistyped one, or an unknown flasher.
    """
    kind = flasher(name).options
    merged = {option: value for layer in layers for option, value in layer.items()}
    try:
        return msgspec.convert(merged, kind)
    except msgspec.ValidationError as error:
        known = ", ".join(sorted(kind.__struct_fields__))
        raise DeployError(f"options of flasher {name}: {error}; it knows {known}") from None


def available(name: str) -> str | None:
    """Why a flasher cannot be used on this machine, with the remedy; None where it can. Starts nothing."""
    return flasher(name).missing()


def version(name: str) -> str | None:
    """Version of a flasher's tool, asked from the tool; None where it is not there or does not say."""
    return flasher(name).version()
