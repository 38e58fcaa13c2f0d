"""What ``trainerd doctor`` has found out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    area : str
        What it belongs to.
    name : str
        The thing.
    available : bool
        Whether it can be used.
    detail : str
        Version, size or reason.
    remedy : str or None
        What to do where it is missing.
    required : bool
        Whether the daemon cannot do without it.
    """

    area: str
    name: str
    available: bool
    detail: str
    remedy: str | None = None
    required: bool = False
