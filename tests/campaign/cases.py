"""Every named point of a request's way, times who is struck there, times how; and what is to come of it.

The process that passes a point strikes itself there (`daemon.faults`), or waits there while another one is
struck from outside. The table of outcomes is written down apart from the code that brings them about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daemon import faults

ACTIONS = ("kill", "error", "hang", "full")
#: What is asked for: a training, or a prediction of ATK, which has no integer model and no C.
WORKS = ("train", "predict")

_NOT_OF_A_PREDICTION = ("worker.train", "worker.quantize", "worker.export")
#: Struck in `tests/deploy/test_kills.py`, where there is a board.
_OF_A_DEPLOYMENT = ("worker.build", "worker.flash", "worker.verify")
#: Between these the daemon has a worker, and no result that has appeared.
_AT_WORK = ("job.started", "job.worker_done")
_NOT_WRITTEN = ("intake.received", "intake.before_commit")
#: Stages that have another name than the point.
_STAGES = {"spec_read": "prepare", "before_done": "export"}
_CODES = {"kill": "worker_killed", "error": "job_failed", "hang": "timed_out", "full": "disk_full"}


@dataclass(frozen=True)
class Case:
    """One misfortune.

    Parameters
    ----------
    point : str
        Where, one of `daemon.faults.POINTS`.
    target : str
        Who is struck: daemon, worker or broker.
    action : str
        How, one of `ACTIONS`. From inside ``error`` and ``full`` are a failing call; from outside ``error``
        is a request to end, ``hang`` a stop for a while, ``full`` a limit on what the process may write.
    work : str
        One of `WORKS`.
    """

    point: str
    target: str
    action: str
    work: str

    @property
    def owner(self) -> str:
        """Who passes the point."""
        return "worker" if self.point.startswith("worker.") else "daemon"

    @property
    def inside(self) -> bool:
        """Whether the process strikes itself."""
        return self.target == self.owner

    @property
    def passage(self) -> int:
        """At which passage it strikes: the device's message to itself passes some points first."""
        return 2 if self.point == "intake.after_ack" else 1

    def __str__(self) -> str:
        return f"{self.work}-{self.point}-{self.target}-{self.action}"


@dataclass(frozen=True)
class Outcome:
    """What is to come of a case.

    Parameters
    ----------
    state, code : str
        How the job ends; code is None where it succeeds.
    resumed : int
        How often it is taken up again.
    stage : str or None
        Stage of the error, where the case says which.
    refused : int or None
        Status of the first reply, where that is a refusal and the request has to be sent again.
    """

    state: str = "SUCCEEDED"
    code: str | None = None
    resumed: int = 0
    stage: str | None = None
    refused: int | None = None


def cases() -> Iterator[Case]:
    """Every case."""
    for work in WORKS:
        for point in faults.POINTS:
            if point in _OF_A_DEPLOYMENT or point.startswith("ports."):
                continue
            if work == "predict" and point in _NOT_OF_A_PREDICTION:
                continue
            for action in ACTIONS:
                inside = "worker" if point.startswith("worker.") else "daemon"
                yield Case(point, inside, action, work)
                if inside == "worker":
                    yield Case(point, "daemon", action, work)
                if work == "train":
                    yield Case(point, "broker", action, work)


def outcome(case: Case) -> Outcome:
    """What is to come of a case."""
    if case.target == "broker":
        return Outcome()
    if case.target == "worker":
        if case.action == "hang":
            return Outcome("TIMED_OUT", _CODES["hang"])
        return Outcome("FAILED", _CODES[case.action], stage=_stage(case))
    if not case.inside:
        return _daemon_struck_while_it_waits(case)
    if case.action in ("kill", "hang"):
        # Who watches over the daemon kills one that hangs, and starts it again.
        return Outcome(resumed=int(case.point in _AT_WORK))
    if case.point in _AT_WORK:
        return Outcome("FAILED", _CODES[case.action])
    if case.point in _NOT_WRITTEN:
        return Outcome(refused=503 if case.action == "full" else 500)
    return Outcome()


def _stage(case: Case) -> str | None:
    """The stage that a worker's point belongs to."""
    name = case.point.removeprefix("worker.")
    if case.work == "predict" and name == "before_done":
        return "evaluate"
    return _STAGES.get(name, name)


def _daemon_struck_while_it_waits(case: Case) -> Outcome:
    """Struck from outside while its worker works."""
    if case.action in ("kill", "error"):
        return Outcome(resumed=1)
    if case.action == "full" and case.work == "predict":
        # The rows of a prediction go into the database; a version is only given its name.
        return Outcome("FAILED", "disk_full")
    return Outcome()
