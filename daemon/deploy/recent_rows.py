"""The latest rows of one target, for watchers that come and go: each goes on where it was."""

from __future__ import annotations

from collections import deque

import msgspec

from daemon.wire.deploy import Cursor, Rows

#: Bytes of inputs that are kept for a watcher that is away; the oldest go first.
MOST_BYTES = 1024 * 1024
#: Rows that are kept.
MOST_ROWS = 8192


class RecentRows:
    """A bounded store of rows, in the order in which a board sampled them."""

    def __init__(self) -> None:
        self._pieces: deque[Rows] = deque()

    def add(self, rows: Rows) -> None:
        """Keep what was read from the board, which is what follows."""
        if rows.outputs:
            self._pieces.append(rows)
        # The newest piece stays, whatever its size.
        while len(self._pieces) > 1 and self._too_many():
            self._pieces.popleft()

    def after(self, cursor: Cursor | None) -> Rows | None:
        """The rows that follow, as far as they lie together; None where there are none yet.

        Parameters
        ----------
        cursor : Cursor or None
            Where the watcher is; None for one that has heard nothing.
        """
        waiting = list(self._pieces)
        if cursor is None:
            return waiting[0] if waiting else None
        # Pieces of one start lie together: what stands behind the watcher's is news as a whole.
        own = max((n for n, piece in enumerate(waiting) if piece.boot == cursor.boot), default=-1)
        for n, piece in enumerate(waiting):
            if n > own:
                return piece
            if piece.boot == cursor.boot and piece.cursor.row > cursor.row:
                return _from(piece, cursor.row)
        return None

    def _too_many(self) -> bool:
        rows = sum(len(piece.outputs) for piece in self._pieces)
        return rows > MOST_ROWS or sum(len(piece.inputs) for piece in self._pieces) > MOST_BYTES


def _from(piece: Rows, row: int) -> Rows:
    """What a watcher has not heard of a piece; rows that it missed before that are counted."""
    skipped = row - piece.first
    if skipped <= 0:
        return msgspec.structs.replace(piece, dropped=-skipped)
    width = len(piece.inputs) // len(piece.outputs)
    return msgspec.structs.replace(
        piece, first=row, inputs=piece.inputs[skipped * width :], outputs=piece.outputs[skipped:], dropped=0
    )
