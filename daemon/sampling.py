"""Rows that boards sample, stored in their projects for the next training.

Rows are gathered for a while, so that not each of them becomes a recording. How far the rows of a board are
stored is written in the same transaction: after a cut they go on from there, and nothing is stored twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from daemon.data.index import Column, Recording, unpack
from daemon.errors import DiskUnwritable, InvalidMember, TrainerdError
from daemon.handlers.services import Services
from daemon.wire.atk import PROJECT as ATK_PROJECT
from daemon.wire.deploy import Cursor, Rows

_log = logging.getLogger(__name__)

#: Rows of a board become a recording when they are so many, or so many seconds old.
_MOST_ROWS, _LONGEST_S = 256, 60.0
_CATEGORY = "training"


@dataclass
class _Gathered:
    """Rows of one start of a board, scored by one model, that follow each other."""

    first: Rows
    cursor: Cursor
    inputs: list[bytes] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.cursor.row - self.first.first


class Sampling:
    """Stores what boards sample; on the core thread.

    Parameters
    ----------
    services : Services
        Keep the recordings, within their limits, and know the names of a model's inputs.
    event : callable
        Tells an operator: kind and facts.
    """

    def __init__(self, services: Services, event: Callable[[str, dict[str, Any]], None]) -> None:
        self._services = services
        self._event = event
        targets = services.config.targets or {}
        self._targets = {name: target for name, target in targets.items() if target.samples == "store"}
        self._gathered: dict[str, _Gathered] = {}
        self._refused: dict[str, str] = {}

    def cursors(self) -> dict[str, Cursor]:
        """Where the rows of each target go on that were stored before."""
        self.store_all()
        told = {name: self._services.database.meta(_key(name)) for name in self._targets}
        return {name: msgspec.json.decode(text, type=Cursor) for name, text in told.items() if text}

    def hear(self, rows: Rows) -> None:
        """A board has sampled rows."""
        if rows.target not in self._targets:
            return
        held = self._gathered.get(rows.target)
        if held is not None and (
            held.first.model != rows.model or held.cursor != Cursor(rows.boot, rows.first)
        ):
            self._store(held)
            held = None
        if held is None:
            held = self._gathered[rows.target] = _Gathered(rows, rows.cursor)
            asyncio.get_running_loop().call_later(_LONGEST_S, self._store, held)
        held.inputs.append(rows.inputs)
        held.cursor = rows.cursor
        if held.rows >= _MOST_ROWS:
            self._store(held)

    def store_all(self) -> None:
        """Store what is gathered, however little it is."""
        for held in list(self._gathered.values()):
            self._store(held)

    def _store(self, held: _Gathered) -> None:
        target = held.first.target
        if self._gathered.get(target) is not held:
            return
        del self._gathered[target]
        try:
            with self._services.database.transaction():
                self._services.database.set_meta(_key(target), msgspec.json.encode(held.cursor).decode())
                self._add(held)
            self._refused.pop(target, None)
        except TrainerdError as error:
            self._refuse(held, error)
            # What is refused now would be refused again.
            with contextlib.suppress(DiskUnwritable), self._services.database.transaction():
                self._services.database.set_meta(_key(target), msgspec.json.encode(held.cursor).decode())

    def _add(self, held: _Gathered) -> None:
        """Make a recording of rows, inside the caller's transaction."""
        project_id, learn_id, version = held.first.model
        columns = [
            Column(each["label"], each["units"])
            for each in self._services.registry.manifest(project_id, learn_id, version)["inputs"]
        ]
        recording = Recording(
            columns=columns,
            interval_ms=0,
            values=_finite_rows(b"".join(held.inputs), held.rows),
            name=held.first.target,
            metadata={
                "target": held.first.target,
                "model": f"{learn_id}.{version}",
                "rows": f"{held.first.first} to {held.cursor.row - 1} of start {held.cursor.boot}",
            },
        )
        project_id = self._targets[held.first.target].project or project_id
        if project_id == ATK_PROJECT:
            raise InvalidMember(
                "", f"ATK's project has no recordings: give targets.{held.first.target} a project"
            )
        self._services.projects.appear(project_id)
        sample_id = self._services.data.add(project_id, _CATEGORY, recording)
        self._services.quota.hold(project_id, _CATEGORY, sample_id)

    def _refuse(self, held: _Gathered, error: TrainerdError) -> None:
        target = held.first.target
        _log.warning("%d rows of %s are not stored: %s", held.rows, target, error.message)
        # Told once, not of each recording that follows.
        if self._refused.get(target) != error.code:
            self._refused[target] = error.code
            self._event(
                "samples-refused",
                {"target": target, "rows": held.rows, "code": error.code, "message": error.message},
            )


def _key(target: str) -> str:
    return f"sampled.{target}"


def _finite_rows(inputs: bytes, rows: int) -> bytes:
    """Of so many rows those that a recording may hold.

    Raises
    ------
    InvalidMember
        There is none.
    """
    size = len(inputs) // rows
    cut = [inputs[number * size : (number + 1) * size] for number in range(rows)]
    kept = b"".join(row for row in cut if all(map(math.isfinite, unpack(row))))
    if not kept:
        raise InvalidMember("", f"each of {rows} rows has a value that is not a number: look at the sensors")
    return kept
