"""What boards say of themselves: the last word of each, in memory.

Nothing of it is kept on disk: what a board runs is asked from the board, not remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

# A quarter of a MiB that a device without boards never needs.
if TYPE_CHECKING:
    from daemon.wire.deploy import Board, BoardInfo

#: Of a board that nothing is known of yet, or any more.
_UNKNOWN = "the process that holds the ports has not told of it"


class Boards:
    """The targets as they are.

    Attributes
    ----------
    watchers : list of callable
        Called with the word before and the new one; None where nothing is known.
    """

    def __init__(self) -> None:
        self._last: dict[str, Board] = {}
        self.watchers: list[Callable[[Board | None, Board | None], None]] = []

    def hear(self, board: Board) -> None:
        """There is news of a board: what it says of itself, or why it does not."""
        before = self._last.get(board.target)
        self._last[board.target] = board
        self._tell(before, board)

    def forget(self) -> None:
        """Nobody can say any more how the boards are."""
        last, self._last = self._last, {}
        for board in last.values():
            self._tell(board, None)

    def running(self, project_id: int, learn_id: int) -> dict[str, dict[str, Any]]:
        """What each target runs, by its name, of those that answer and say that they run this model."""
        return {
            name: {**_model(board.info), "asked": board.asked}
            for name, board in sorted(self._last.items())
            if board.info is not None
            and (board.info.project_id, board.info.learn_id) == (project_id, learn_id)
        }

    def state(self, target: str) -> dict[str, Any]:
        """Whether a target answers, and what it runs; else why it does not."""
        board = self._last.get(target)
        if board is None:
            return {"online": False, "reason": _UNKNOWN}
        if board.info is None:
            return {"online": False, "reason": board.reason, "asked": board.asked}
        told = board.info
        return {
            "online": True,
            "asked": board.asked,
            "firmware": told.firmware,
            "model": {"projectId": told.project_id, "learnId": told.learn_id, **_model(told)},
        }

    def _tell(self, before: Board | None, board: Board | None) -> None:
        for watcher in self.watchers:
            watcher(before, board)


def _model(told: BoardInfo) -> dict[str, Any]:
    return {
        "version": told.version,
        "digest": told.digest,
        "source": told.source,
        "confirmed": told.confirmed,
    }
