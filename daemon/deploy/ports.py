"""The ports process: the only one that holds serial devices. ``python -m daemon.deploy.ports --config FILE``.

It reads the daemon's configuration and speaks neither MQTT nor HTTP. A separate unit starts it, or the
daemon, with ``--until-eof``: then it ends with whoever holds the other end of its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon import config, journal, service_manager
from daemon.config import Config
from daemon.config_file import load
from daemon.deploy.ports_server import PortsServer, join
from daemon.deploy.signing import Signer, open_key
from daemon.deploy.target_thread import TargetThread
from daemon.deploy.workplaces import workplaces
from daemon.errors import ConfigError

_log = logging.getLogger("daemon.deploy.ports")

#: Seconds between two looks whether an earlier process has ended.
_LOCK_PAUSE_S = 0.2


async def serve(settings: Config, config_file: Path, *, until_eof: bool) -> None:
    """Hold the ports until it is told to stop.

    Parameters
    ----------
    settings : Config
        The configuration.
    config_file : Path
        Where that is written.
    until_eof : bool
        Stop where standard input ends, too.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_eof:
        loop.add_reader(sys.stdin.fileno(), stop.set)
    signer = Signer(None) if settings.deploy.unsigned else open_key(settings.deploy_key_path)
    places = workplaces(settings, config_file, signer)
    server = PortsServer(
        settings.ports_socket_path, lambda: {os.getuid(), _owner(settings.state_path)}, signer.public_key
    )
    threads = {
        name: TargetThread(name, target, places[name], server.publish)
        for name, target in (settings.targets or {}).items()
    }
    await server.start(threads)
    for thread in threads.values():
        thread.start()
    _log.info("the ports of %s are held", ", ".join(threads) or "no target")
    service_manager.notify("READY=1")
    await stop.wait()
    service_manager.notify("STOPPING=1")
    loop.remove_reader(sys.stdin.fileno())
    await server.stop_listening()
    # A flash that has begun is brought to its end.
    await asyncio.to_thread(join, threads.values())
    await server.stop()


def _owner(directory: Path) -> int:
    """Whose processes the daemon's are: those of the owner of its state directory, once it is there."""
    try:
        return directory.stat().st_uid
    except OSError:
        return os.getuid()


@contextmanager
def held(directory: Path, *, until_eof: bool) -> Iterator[bool]:
    """Hold the directory of what is kept for this process; waits for an earlier one that ends a flash.

    Gives False where standard input ended meanwhile.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if not told:
                    _log.warning("%s is in use: waiting for the process that ends its work there", directory)
                told = True
            if select.select([sys.stdin] if until_eof else [], [], [], _LOCK_PAUSE_S)[0]:
                yield False
                return
        yield True


def main() -> int:
    """Entry of ``python -m daemon.deploy.ports``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="trainerd-ports", description="Holds the serial ports of trainerd.")
    parser.add_argument("--config", type=Path, default=config.default_path())
    parser.add_argument("--until-eof", action="store_true", help="end where standard input ends")
    arguments = parser.parse_args()
    os.umask(0o077)
    try:
        settings = load(arguments.config)
        logging.basicConfig(level=settings.log.level.upper(), handlers=[journal.log_handler()])
        with held(settings.ports_state_path, until_eof=arguments.until_eof) as ours:
            if ours:
                asyncio.run(serve(settings, arguments.config, until_eof=arguments.until_eof))
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    except OSError as error:
        _log.critical("the ports cannot be held: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
