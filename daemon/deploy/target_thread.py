"""One target's thread: deployments and questions one after another, and between them an ear at the board."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from daemon import faults
from daemon.data.index import utc_now
from daemon.deploy.deployment import Workplace, deploy, recover
from daemon.deploy.sampling import Sampling
from daemon.errors import BoardUnreachable, DeployError, JobCanceled, JobError
from daemon.wire.deploy import Answer, Ask, Board, BoardInfo, Deploy, Rows
from daemon.wire.targets import Target
from daemon.wire.worker import Done, Failed, Log, Progress

_log = logging.getLogger(__name__)

#: Deployments and questions that may wait for one target.
MOST_WAITING = 8
#: Longest time in seconds between two looks at a board that does not answer.
_LOOK_S = 5.0
_INTERRUPTED = "an interrupted flash"


@dataclass(frozen=True)
class Order:
    """What a client wants of a target.

    Parameters
    ----------
    operation : Ask or Deploy
    hear : callable
        Told the answers; Board, Done and Failed are the last.
    gone : Event
        Set where nobody waits any more.
    """

    operation: Ask | Deploy
    hear: Callable[[Answer], None]
    gone: threading.Event = field(default_factory=threading.Event)


class TargetThread(threading.Thread):
    """Works for one target, until it is stopped.

    Parameters
    ----------
    name : str
        The target's.
    target : Target
        Its configuration.
    place : Workplace
        The board; nobody else touches it.
    publish : callable
        Told what the board says of itself, and of rows that it has sampled.
    """

    def __init__(
        self, name: str, target: Target, place: Workplace, publish: Callable[[Board | Rows], None]
    ) -> None:
        super().__init__(name=f"target-{name}")
        self._target_name = name
        self._target = target
        self._place = place
        self._publish = publish
        self._orders: queue.Queue[Order | None] = queue.Queue()
        self._stopping = threading.Event()
        self._ahead: list[str] = []
        self._info: BoardInfo | None = None
        self._told: Board | None = None
        self._sampling = Sampling(name, target)
        self._look_due = 0.0

    def submit(self, order: Order) -> None:
        """Queue an order; says so where it must wait, and refuses where too many do.

        Once this stops it tells nothing more: whoever is cut off asks the next process.
        """
        waiting = self._orders.qsize()
        if waiting >= MOST_WAITING:
            message = f"target {self._target_name} takes nothing more: {waiting} wait for it; try again later"
            order.hear(Failed(BoardUnreachable.code, message, None, True))
            return
        if isinstance(order.operation, Deploy):
            if self._ahead:
                text = f"target {self._target_name} is busy with {', '.join(self._ahead)}: this waits"
                order.hear(Log("info", text))
            self._ahead.append(_words(order.operation))
        self._orders.put(order)

    def stop(self) -> None:
        """Begin nothing more; an update of a slot stops, a flash is brought to its end."""
        self._stopping.set()
        self._orders.put(None)

    def run(self) -> None:
        """Work."""
        while not self._stopping.is_set():
            try:
                order = self._next()
                if order is not None:
                    self._serve(order)
                elif time.monotonic() >= self._look_due or self._sampling.is_silent:
                    self._look()
                elif self._info is not None:
                    self._publish_rows(self._sampling.read(self._place.line.session(), self._info))
            except DeployError as error:
                self._lose(error)
            except Exception as error:  # noqa: BLE001
                _log.exception("target %s", self._target_name)
                self._lose(DeployError(f"unexpected {type(error).__name__}: {error}"))
        self._place.line.close()

    def _next(self) -> Order | None:
        """An order that somebody waits for; None where it is time for something else."""
        due = self._look_due if self._info is None else min(self._look_due, self._sampling.due)
        try:
            order = self._orders.get(timeout=max(0.0, due - time.monotonic()))
        except queue.Empty:
            return None
        if order is None or not order.gone.is_set():
            return order
        if isinstance(order.operation, Deploy):
            self._ahead.remove(_words(order.operation))
        return None

    def _serve(self, order: Order) -> None:
        operation = order.operation
        if isinstance(operation, Ask):
            order.hear(self._ask())
            return
        stage: str | None = None
        # Rows that the model before has scored are told as its own.
        with contextlib.suppress(DeployError):
            if self._info is not None:
                self._publish_rows(self._sampling.read(self._place.line.session(), self._info))

        def hear(event: Progress | Log) -> None:
            nonlocal stage
            if isinstance(event, Progress):
                if event.stage != stage:
                    faults.point(f"ports.{event.stage}")
                stage = event.stage
            order.hear(event)

        def check() -> None:
            if order.gone.is_set() or self._stopping.is_set():
                raise JobCanceled("nobody waits for it any more")

        try:
            ending: Done | Failed | None = Done(deploy(self._place, operation, hear, check))
        except JobCanceled:
            _log.info("target %s, job %d: stopped", self._target_name, operation.job_id)
            ending = None
        except JobError as error:
            _log.warning("target %s, job %d: %s", self._target_name, operation.job_id, error.message)
            ending = Failed(error.code, error.message, error.stage or stage, error.retryable, error.details)
        except Exception as error:  # noqa: BLE001
            _log.exception("target %s, job %d", self._target_name, operation.job_id)
            message = f"unexpected {type(error).__name__}: {error}"
            ending = Failed(DeployError.code, message, stage, False)
        faults.point("ports.before_done")
        # What the board runs is told before the job ends, and asked from it.
        self._ask()
        self._look_due = 0.0
        self._ahead.remove(_words(operation))
        if ending is not None:
            order.hear(ending)

    def _look(self) -> None:
        """Go on with what was cut off, hear what the board says of itself, and have it sample."""
        self._look_due = time.monotonic() + min(self._target.ask_s, _LOOK_S)
        if self._place.kept.read("begun") is not None:
            self._recover()
        board = self._ask()
        if board.info is not None:
            self._look_due = time.monotonic() + self._target.ask_s
            self._publish_rows(self._sampling.start(self._place.line.session(), board.info))

    def _recover(self) -> None:
        """Bring to its end what was cut off; said once, however often it cannot be done yet."""
        hear = self._log_event if self._told is None or self._told.info is not None else _say_nothing
        self._ahead.insert(0, _INTERRUPTED)
        try:
            recover(self._place, hear)
        finally:
            self._ahead.remove(_INTERRUPTED)

    def _ask(self) -> Board:
        """Ask the board what it runs, and tell everybody."""
        try:
            info = self._place.line.info()
            if not info.confirmed:
                # A trial that nobody watches any more: a reset brings the model back that was confirmed.
                self._place.line.session().reset()
                info = self._place.line.info()
        except DeployError as error:
            return self._lose(error)
        self._info = info
        return self._tell(Board(self._target_name, utc_now(), info))

    def _lose(self, error: DeployError) -> Board:
        """The board does not say what it runs."""
        self._info = None
        self._place.line.close()
        return self._tell(Board(self._target_name, utc_now(), reason=error.message))

    def _tell(self, board: Board) -> Board:
        if self._told is None or (board.info, board.reason) != (self._told.info, self._told.reason):
            state = board.reason if board.info is None else f"runs version {board.info.version}"
            _log.info("target %s: %s", self._target_name, state)
        self._told = board
        self._publish(board)
        return board

    def _publish_rows(self, rows: Iterator[Rows]) -> None:
        for some in rows:
            self._publish(some)

    def _log_event(self, event: Progress | Log) -> None:
        if isinstance(event, Log):
            _log.warning("target %s: %s", self._target_name, event.text)


def _say_nothing(_event: Progress | Log) -> None:
    pass


def _words(operation: Deploy) -> str:
    return f"job {operation.job_id}"
