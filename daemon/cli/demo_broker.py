"""The demo's broker: amqtt on one loopback port, in a process of its own.

For the demo alone: it speaks MQTT 3.1.1 and forgets its sessions.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any


async def serve(port: int) -> None:
    """Serve until standard input ends, which it does with the process that started this one.

    Parameters
    ----------
    port : int
        TCP port of the loopback interface.
    """
    from amqtt.broker import Broker

    config: dict[str, Any] = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = Broker(config)
    await broker.start()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(serve(int(sys.argv[1])))
