"""How much is logged: a setting, and a request while the daemon runs."""

from __future__ import annotations

from typing import Literal

import msgspec

LogLevel = Literal["debug", "info", "warning", "error"]


class LogLevelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``post log-level``."""

    level: LogLevel
