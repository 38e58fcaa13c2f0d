"""Boards that a model can be deployed to, as the configuration names them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

#: How a model gets onto a board: into a slot of its firmware, or with new firmware.
Method = Literal["slot", "firmware"]

_Level = Annotated[str, Meta(pattern=r"^[^#+/\x00]{1,64}$")]
_Positive = Annotated[int, Meta(ge=1)]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[targets.NAME]``: one board on one port.

    Parameters
    ----------
    board : str
        Name of its facts.
    port : str
        Device file, best one under ``/dev/serial/by-id/``, or a URL: ``socket://``, ``rfc2217://``.
    method : str
        ``slot`` or ``firmware`` alone; ``auto`` takes the slot where it can and firmware where it must.
    flasher : str or None
        Which tool flashes it; the board's own where left out, where it has one.
    programmer : str or None
        Port of the tool, where it is not the board's.
    flasher_options : dict or None
        What the tool is told beside, in place of the board's options.
    groups : list of str
        Groups of targets that it belongs to.
    baud : int or None
        Bits per second of the port; the board's where left out.
    application : str or None
        Directory of the user's: C files that are built into the reference firmware, or a CMake project.
    build : list of str or None
        Command that builds the firmware in place of the built-in ways.
    result : str or None
        File that the user's command or project leaves, relative to where it runs.
    samples : str
        ``off``, or what becomes of the rows that the board samples: ``publish`` scores, ``store`` rows too.
    project : int or None
        Project that stored rows go into; the deployed model's where left out.
    sample_ms : int
        Milliseconds between two samples of the board.
    ask_s : int
        Seconds between two questions to an idle board what it runs.
    """

    board: str
    port: str
    method: Literal["auto", "slot", "firmware"] = "auto"
    flasher: str | None = None
    programmer: str | None = None
    flasher_options: dict[str, str | int | float | bool | list[str]] | None = None
    groups: tuple[_Level, ...] = ()
    baud: Annotated[int, Meta(ge=300, le=4_000_000)] | None = None
    application: str | None = None
    build: tuple[str, ...] | None = None
    result: str | None = None
    samples: Literal["off", "publish", "store"] = "off"
    project: _Positive | None = None
    sample_ms: Annotated[int, Meta(ge=1, le=3_600_000)] = 1000
    ask_s: Annotated[int, Meta(ge=1, le=86400)] = 60
