"""Progress of a job on standard error: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import click

_WIDTH = 28

Job = dict[str, Any]


class Display:
    """Shows how far something is, and keeps log lines above the bar.

    Parameters
    ----------
    title : str
        Put before the bar; says which job this is.
    """

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._bar = ""
        self._told: tuple[Any, ...] = ()

    def show(self, job: Job) -> None:
        """Show the present state of a job.

        Parameters
        ----------
        job : dict
            ``state``, ``stage``, ``progress`` (0..1), and where they are known ``etaS`` (seconds) and
            ``metrics``.
        """
        stage = job.get("stage") or job["state"].lower()
        fraction = float(job.get("progress") or 0.0)
        if not sys.stderr.isatty():
            # A line for each stage and each tenth is enough for a log.
            if (told := (stage, int(fraction * 10))) != self._told:
                self._told = told
                click.echo(f"{self._prefix()}{stage} {fraction:.0%}{_details(job)}", err=True)
            return
        line = f"{self._prefix()}{stage:<9} {_bar(fraction)}{_details(job)}"
        line = line[: shutil.get_terminal_size().columns - 1]
        if line != self._bar:
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
            self._bar = line

    def end(self, state: str) -> None:
        """Leave the last line: a full bar where the job succeeded."""
        self.close()
        full = f"{_bar(1.0)}  " if state == "SUCCEEDED" and sys.stderr.isatty() else ""
        click.echo(f"{self._prefix()}{full}{state}", err=True)

    def log(self, line: str) -> None:
        """Print a line of the job's log above the bar."""
        self.close()
        click.echo(f"{self._prefix()}{line}", err=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._bar = ""

    def _prefix(self) -> str:
        return f"{self._title}  " if self._title else ""


def _bar(fraction: float) -> str:
    full = round(fraction * _WIDTH)
    return f"[{'█' * full}{'·' * (_WIDTH - full)}] {fraction:4.0%}"


def _details(job: Job) -> str:
    eta = job.get("etaS")
    metrics = job.get("metrics") or {}
    shown = [f"{name} {value:.4g}" for name, value in list(metrics.items())[:3]]
    return "".join(f"  {text}" for text in ([f"ETA {_duration(eta)}"] if eta is not None else []) + shown)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
