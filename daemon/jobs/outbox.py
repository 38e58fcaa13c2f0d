"""Publications that must arrive: kept on disk until the broker has taken them.

An envelope is opaque here; who puts it in knows what it says.
"""

from __future__ import annotations

from collections.abc import Iterable

from daemon.database import Database

#: Most envelopes that are kept while the broker is away; the oldest go first.
KEEP_COUNT = 10_000


class Outbox:
    """Envelopes in the order of their making. Changes happen inside the caller's transaction.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, envelope: bytes) -> int:
        """Add an envelope; returns its number."""
        cursor = self._database.connection.execute("INSERT INTO outbox (envelope) VALUES (?)", (envelope,))
        number = int(cursor.lastrowid or 0)
        self._database.connection.execute("DELETE FROM outbox WHERE seq <= ?", (number - KEEP_COUNT,))
        return number

    def after(self, number: int, limit: int) -> list[tuple[int, bytes]]:
        """At most `limit` envelopes with a number above `number`, oldest first."""
        return [
            (row[0], row[1])
            for row in self._database.connection.execute(
                "SELECT seq, envelope FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", (number, limit)
            )
        ]

    def remove(self, numbers: Iterable[int]) -> None:
        """Drop envelopes that have arrived."""
        self._database.connection.executemany(
            "DELETE FROM outbox WHERE seq = ?", [(number,) for number in numbers]
        )
