"""Tells of each epoch of a fit, and ends one early that would not be done in time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from daemon import pipeline
from daemon.errors import JobTimedOut
from daemon.trainers.keras.fit import Epoch
from daemon.wire.worker import Progress

#: Seconds of training after which it is known how long an epoch takes.
_SETTLED_S = 10.0

#: How much longer than allowed a fit must seem to take: what else the machine does comes and goes.
_CERTAIN = 1.2


class Emitter(pipeline.Emitter, Protocol):
    """Where a job says how far it is; once it is canceled all but `log` raise `JobCanceled`."""

    def enter(self, stage: str) -> None:
        """Begin a stage without a word, where its first figures are soon there."""

    def tell(self, progress: Progress) -> None:
        """Say so with all that is known: epochs, and how long they will take."""

    def check(self) -> None:
        """Say nothing."""


@dataclass
class EpochTeller:
    """Hears of epochs.

    Parameters
    ----------
    emit : Emitter
        Told of each.
    seconds : float or None
        How long the worker may run, from when this was made.
    """

    emit: Emitter
    seconds: float | None
    _began: float = field(default_factory=time.monotonic)

    def __call__(self, epoch: Epoch) -> None:
        """Tell of an epoch.

        Raises
        ------
        JobCanceled
            Nobody wants to know any more.
        JobTimedOut
            The epochs to come take too long.
        """
        self.emit.tell(
            Progress(
                "train", epoch.number / epoch.epochs, epoch.metrics, epoch.number, epoch.epochs, epoch.eta_s
            )
        )
        elapsed = time.monotonic() - self._began
        if self.seconds is None or elapsed < _SETTLED_S or elapsed + epoch.eta_s <= self.seconds * _CERTAIN:
            return
        raise JobTimedOut(
            f"trainingCycles: after {epoch.number} of {epoch.epochs}, all of them would take about "
            f"{elapsed + epoch.eta_s:.0f} s; jobs.timeout_s leaves {self.seconds:.0f}: use fewer, or raise it"
        )
