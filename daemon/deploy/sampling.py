"""What one board samples: started once in each of its starts, read on and on, no row twice."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Iterator

from daemon.deploy.board_session import BoardSession, Samples
from daemon.errors import BoardRefused, BoardUnreachable, DeployError
from daemon.wire.deploy import BoardInfo, Cursor, Rows
from daemon.wire.targets import Target

_log = logging.getLogger(__name__)

#: Seconds between two looks for new rows.
_PAUSE_S = 0.5
#: A board that should sample and has nothing for so many rows' time, or seconds, may have been reset.
_SILENT_ROWS, _SILENT_S = 3, 5.0
#: Bytes of a feature: float32.
_FEATURE_BYTES = 4


class Sampling:
    """Reads the rows of one board.

    Parameters
    ----------
    name : str
        The target's.
    target : Target
        Its configuration.
    """

    def __init__(self, name: str, target: Target) -> None:
        self._name = name
        self._every_ms = 0 if target.samples == "off" else target.sample_ms
        self._cursor: Cursor | None = None
        self._started = False
        self._heard = 0.0
        self.due = float("inf")

    @property
    def is_silent(self) -> bool:
        """Whether it is time to ask the board whether it was reset."""
        patience = max(_SILENT_ROWS * self._every_ms / 1000, _SILENT_S)
        return self._started and time.monotonic() - self._heard > patience

    def start(self, session: BoardSession, info: BoardInfo) -> Iterator[Rows]:
        """Have the board sample, unless it does since it started; gives what it had before.

        Raises
        ------
        BoardUnreachable
            It does not answer.
        """
        if not self._every_ms:
            return
        if self._cursor is None or self._cursor.boot != info.boot:
            self._cursor, self._started = Cursor(info.boot, 0), False
        self._heard = time.monotonic()
        if self._started:
            return
        try:
            # To start it anew empties its store.
            yield from self._read(session, info)
            session.sample_every(self._every_ms)
        except BoardUnreachable:
            raise
        except DeployError as error:
            _log.warning("target %s: no rows are sampled: %s", self._name, error.message)
            self._every_ms = 0
            return
        self._started, self.due = True, 0.0

    def read(self, session: BoardSession, info: BoardInfo) -> Iterator[Rows]:
        """Rows that were not read yet.

        Raises
        ------
        DeployError
            The board does not give them.
        """
        self.due = time.monotonic() + _PAUSE_S
        if self._started and self._cursor is not None and self._cursor.boot == info.boot:
            yield from self._read(session, info)

    def _read(self, session: BoardSession, info: BoardInfo) -> Iterator[Rows]:
        assert self._cursor is not None
        while (found := session.samples(self._cursor.row)).outputs:
            _check(found, info)
            rows = Rows(
                target=self._name,
                boot=info.boot,
                first=found.first,
                interval_ms=self._every_ms,
                project_id=info.project_id,
                learn_id=info.learn_id,
                version=info.version,
                inputs=found.inputs,
                outputs=_numbers(found.outputs, info),
                dropped=found.dropped,
            )
            self._cursor, self._heard = rows.cursor, time.monotonic()
            yield rows


def _check(found: Samples, info: BoardInfo) -> None:
    """Refuse what are no rows of the model that the board says it runs."""
    rows, rest = divmod(len(found.outputs), info.output_bytes or 1)
    if not info.output_bytes or rest or len(found.inputs) != rows * info.row_inputs * _FEATURE_BYTES:
        raise BoardRefused(
            f"the board gives {len(found.inputs)} bytes of features and {len(found.outputs)} of outputs: "
            "they are no rows of its model; flash firmware that fits this trainerd"
        )


def _numbers(outputs: bytes, info: BoardInfo) -> list[list[int]]:
    """Rows of outputs as numbers."""
    kind = "i" if info.output_width == 4 else "b"
    row = struct.Struct(f"<{info.output_bytes // info.output_width}{kind}")
    return [list(numbers) for numbers in row.iter_unpack(outputs)]
