"""How much the daemon logs, until it ends: the configuration's level counts again at the next start."""

from __future__ import annotations

import logging
from typing import Any

from daemon.handlers.services import Call, Services


def get(_services: Services, _call: Call) -> dict[str, Any]:
    """The level now."""
    return {"level": logging.getLevelName(logging.getLogger().level).lower()}


def post(_services: Services, call: Call) -> dict[str, Any]:
    """Set it."""
    logging.getLogger().setLevel(call.body.level.upper())
    return {"level": call.body.level}
