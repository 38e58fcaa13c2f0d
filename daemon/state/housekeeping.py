"""What is looked after once a minute: the copy of the settings, and the room on the disk."""

from __future__ import annotations

import asyncio
import logging

from daemon.database import Database
from daemon.state.disk import DiskWatch
from daemon.state.last_good import LastGood

_log = logging.getLogger(__name__)

_PERIOD_S = 60.0


async def keep_house(database: Database, last_good: LastGood, disk: DiskWatch) -> None:
    """Look after the state directory until it is cancelled.

    Parameters
    ----------
    database : Database
        Whose settings are copied.
    last_good : LastGood
        Copies them.
    disk : DiskWatch
        Watches the room.
    """
    while True:
        try:
            disk.look()
            last_good.keep(database)
        except Exception as error:  # noqa: BLE001
            _log.exception("the state directory cannot be looked after")
            database.notice(error)
        await asyncio.sleep(_PERIOD_S)
