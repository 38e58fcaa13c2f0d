"""What a clock may be believed."""

from __future__ import annotations

#: 2026-01-01 in seconds since 1970. A clock that says less has not been set: a Raspberry Pi has none that
#: runs without power.
EARLIEST = 1_767_225_600
