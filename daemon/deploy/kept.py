"""What is kept of a target on disk: firmware and model that last proved right there, for putting back.

``begun`` is there from before firmware is written until it has proved right or something else has been put
back: whoever finds it at a start knows that the board was left in the middle.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from daemon import durable
from daemon.errors import DeployError
from daemon.wire.deploy import Deploy

_log = logging.getLogger(__name__)

#: ``copied``: what a flasher read out of the board before it was written for the first time.
Name = Literal["begun", "copied", "firmware", "model"]

_DIGEST_BYTES = 32


class Kept:
    """The files of one target.

    Parameters
    ----------
    directory : Path
        Made where it is not there.

    Raises
    ------
    DeployError
        Whenever something is to be kept: its disk is full, or cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: Name) -> Deploy | None:
        """What is kept under a name; None where there is nothing, or the disk has damaged it."""
        path = self._directory / name
        try:
            content = path.read_bytes()
            digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if hashlib.sha256(body).digest() == digest:
                return msgspec.msgpack.decode(body, type=Deploy)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            _log.error("%s cannot be read: %s", path, error)
            return None
        _log.error("%s is damaged, and not used", path)
        return None

    def write(self, name: Name, deploy: Deploy) -> None:
        """Keep something, in the place of what was there."""
        body = msgspec.msgpack.encode(deploy)
        with self._writing():
            if not self._directory.is_dir():
                self._directory.mkdir(mode=0o700, parents=True)
                durable.sync(self._directory.parent)
            durable.write(self._directory / name, hashlib.sha256(body).digest() + body)

    def promote(self, deploy: Deploy) -> None:
        """What was begun has proved right: from now on it is what is put back."""
        self.write("model", deploy)
        with self._writing():
            if (self._directory / "begun").exists():
                (self._directory / "begun").replace(self._directory / "firmware")
                (self._directory / "copied").unlink(missing_ok=True)
                durable.sync(self._directory)

    def drop(self, name: Name) -> None:
        """Keep it no longer."""
        with self._writing():
            if (self._directory / name).exists():
                (self._directory / name).unlink()
                durable.sync(self._directory)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DeployError(
                f"{self._directory} cannot be written ({error.strerror}): make room on its disk",
                retryable=True,
            ) from error
