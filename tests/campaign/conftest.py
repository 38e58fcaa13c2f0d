"""The campaign's summary: one line for each of its tests, with its size and figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class _Line:
    """What is known of one test, of all its cases together."""

    cases: int = 0
    failed: int = 0
    seconds: float = 0.0
    figures: list[str] = field(default_factory=list)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, where the campaign was asked for."""
    if not terminalreporter.config.getoption("markexpr").startswith("campaign"):
        return
    outcomes = ("passed", "failed", "error")
    reports = [report for outcome in outcomes for report in terminalreporter.getreports(outcome)]
    terminalreporter.section("the campaign")
    terminalreporter.write_line(f"{'what':<62}{'cases':>7}{'failed':>8}{'minutes':>9}")
    for name, line in _lines(reports).items():
        terminalreporter.write_line(f"{name:<62}{line.cases:>7}{line.failed:>8}{line.seconds / 60:>9.1f}")
        for figure in line.figures:
            terminalreporter.write_line(f"    {figure}")


def _lines(reports: Iterable[pytest.TestReport]) -> dict[str, _Line]:
    lines: dict[str, _Line] = {}
    for report in reports:
        name = report.nodeid.rpartition("::")[2].partition("[")[0]
        line = lines.setdefault(name.removeprefix("test_").replace("_", " "), _Line())
        line.cases += 1
        line.failed += report.outcome == "failed"
        line.seconds += report.duration
        line.figures += [f"{key}: {value}" for key, value in report.user_properties]
    return lines
