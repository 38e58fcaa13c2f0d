"""Requests that were answered: the same request gets the same answer and starts nothing.

Age is counted in seconds that the daemon has run, not by the clock: a device without a battery starts
in 1970 and jumps by decades when it hears of the time, and must not forget what it has done.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import NamedTuple

from daemon.database import Database
from daemon.errors import RequestIdConflict

#: How long, in seconds, and how many answers are remembered.
KEEP_S = 7 * 24 * 3600
KEEP_COUNT = 10_000


class StoredAnswer(NamedTuple):
    """What was answered: status and encoded body."""

    status: int
    body: bytes


class RequestStore:
    """The request table. Changes happen inside the caller's transaction.

    Parameters
    ----------
    database : Database
        Where it is kept.
    clock : callable
        Seconds on a clock that never jumps.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        # What the clock says when the count of seconds is 0; goes on from the latest answer that is kept.
        self._zero: float | None = None

    def find(self, identity: str, *payloads: bytes) -> StoredAnswer | None:
        """The answer that the same request got, or None.

        Parameters
        ----------
        identity : str
            Names the request.
        *payloads : bytes
            What it says, in each form in which it may have been remembered.

        Raises
        ------
        RequestIdConflict
            The identity was used with another payload.
        """
        row = self._find(identity)
        if row is None:
            return None
        if row[0] not in map(_digest, payloads):
            raise RequestIdConflict("this request id was used with another payload: use a new id")
        return StoredAnswer(row[1], row[2])

    def find_same(self, identity: str, *payloads: bytes) -> StoredAnswer | None:
        """The answer that the same identity and payload got, or None; another payload is another request."""
        row = self._find(identity)
        known = row is not None and row[0] in map(_digest, payloads)
        return StoredAnswer(row[1], row[2]) if row is not None and known else None

    def remember(self, identity: str, payload: bytes, status: int, body: bytes) -> None:
        """Keep an answer, and forget those that are too old or too many."""
        now = self._now()
        connection = self._database.connection
        connection.execute(
            "INSERT OR REPLACE INTO request VALUES (?, ?, ?, ?, ?)",
            (identity, _digest(payload), status, body, now),
        )
        connection.execute("DELETE FROM request WHERE created < ?", (now - KEEP_S,))
        connection.execute(
            "DELETE FROM request WHERE identity IN"
            " (SELECT identity FROM request ORDER BY created DESC LIMIT -1 OFFSET ?)",
            (KEEP_COUNT,),
        )

    def _now(self) -> int:
        if self._zero is None:
            (latest,) = self._database.connection.execute("SELECT max(created) FROM request").fetchone()
            self._zero = self._clock() - (latest or 0)
        return int(self._clock() - self._zero)

    def _find(self, identity: str) -> tuple[bytes, int, bytes] | None:
        row = self._database.connection.execute(
            "SELECT digest, status, reply FROM request WHERE identity = ?", (identity,)
        ).fetchone()
        return None if row is None else (row[0], row[1], row[2])


def _digest(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()
