"""A word to systemd, where it started the daemon: ready, alive, stopping."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable


def notify(message: str) -> None:
    """Send a message such as ``READY=1`` to the service manager; does nothing without one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    # A leading @ stands for a name in the abstract namespace.
    target = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.sendto(message.encode(), target)


async def beat(is_alive: Callable[[], bool]) -> None:
    """Feed the watchdog as long as the daemon is alive; returns without a watchdog.

    Parameters
    ----------
    is_alive : callable
        Asked four times in each of the watchdog's periods, so that a single answer may be missing.
    """
    period_us = int(os.environ.get("WATCHDOG_USEC", "0"))
    while period_us:
        if is_alive():
            notify("WATCHDOG=1")
        await asyncio.sleep(period_us / 4e6)
