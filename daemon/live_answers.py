"""Live results: what models answer on their boards, published as they come, at a bounded rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daemon.data.index import unpack
from daemon.errors import NotFound
from daemon.models.answers import meaning
from daemon.models.registry import Registry
from daemon.wire.deploy import Rows

#: The answers of a board are published at most this often, in seconds, and so many of them at most.
_PERIOD_S, _MOST_ANSWERS = 1.0, 100


@dataclass
class _Waiting:
    """Answers of one model on one board that are not published yet."""

    rows: Rows
    results: list[dict[str, Any]] = field(default_factory=list)
    skipped: int = 0


class LiveAnswers:
    """Publishes what models answer; on the core thread.

    Parameters
    ----------
    registry : Registry
        Says what a version's integers mean.
    publish : callable
        Given project, learn block and what is to be published of it.
    """

    def __init__(self, registry: Registry, publish: Callable[[int, int, dict[str, Any]], None]) -> None:
        self._registry = registry
        self._publish = publish
        self._waiting: dict[str, _Waiting] = {}
        self._sent: dict[str, float] = {}

    def hear(self, rows: Rows) -> None:
        """A board has sampled rows."""
        waiting = self._waiting.get(rows.target)
        if waiting is not None and waiting.rows.model != rows.model:
            self._send(waiting)
            waiting = None
        if waiting is None:
            waiting = self._waiting[rows.target] = _Waiting(rows)
            pause = self._sent.get(rows.target, 0.0) + _PERIOD_S - time.monotonic()
            asyncio.get_running_loop().call_later(max(pause, 0.0), self._send, waiting)
        waiting.results += _read(rows, self._manifest(rows))
        excess = max(len(waiting.results) - _MOST_ANSWERS, 0)
        del waiting.results[:excess]
        waiting.skipped += excess + rows.dropped

    def _manifest(self, rows: Rows) -> dict[str, Any]:
        """The manifest of the version that answered; empty where it is not kept here."""
        try:
            return self._registry.manifest(*rows.model)
        except NotFound:
            return {}

    def _send(self, waiting: _Waiting) -> None:
        rows = waiting.rows
        if self._waiting.get(rows.target) is not waiting:
            return
        del self._waiting[rows.target]
        self._sent[rows.target] = time.monotonic()
        threshold = self._manifest(rows).get("threshold")
        told = {
            "target": rows.target,
            "version": rows.version,
            "intervalMs": rows.interval_ms,
            **({} if threshold is None else {"threshold": threshold}),
            "results": waiting.results,
            "skipped": waiting.skipped,
        }
        self._publish(rows.project_id, rows.learn_id, told)


def _read(rows: Rows, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """What a model answered to each row."""
    values = unpack(rows.inputs)
    width = len(values) // max(len(rows.outputs), 1)
    return [
        {
            "row": rows.first + number,
            **meaning(manifest, values[number * width : (number + 1) * width], outputs),
        }
        for number, outputs in enumerate(rows.outputs)
    ]
