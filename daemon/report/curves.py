"""Curves of a training: a figure of each epoch, drawn for about 300 pixels and scaled little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.report.figures import quantity
from daemon.report.markup import Markup, element, number
from daemon.report.svg import ticks

_LEFT, _TOP, _WIDE, _HIGH = 46, 22, 340, 180
#: Points of a curve that are drawn at most; the lowest and highest of each stretch among them.
_MOST_POINTS = 240


@dataclass(frozen=True)
class Curve:
    """One line.

    Parameters
    ----------
    kind : str
        Class of the style sheet that colours it.
    title : str
        What it shows.
    values : sequence of float
        One for each epoch, finite.
    """

    kind: str
    title: str
    values: Sequence[float]


def curves(title: str, lines: Sequence[Curve], best: int) -> Markup:
    """A chart of figures by epoch.

    Parameters
    ----------
    title : str
        Name of the figure.
    lines : sequence of Curve
        All of the same length, at least one epoch.
    best : int
        The epoch that is kept, from 1; a dashed line marks it.
    """
    epochs = len(lines[0].values)
    low = min(min(line.values) for line in lines)
    high = max(max(line.values) for line in lines)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5

    def x(epoch: float) -> float:
        return _LEFT + _WIDE * (0.5 if epochs == 1 else (epoch - 1) / (epochs - 1))

    def y(value: float) -> float:
        return _TOP + _HIGH * (high - value) / (high - low)

    told = "; ".join(
        f"{line.title}: {quantity(line.values[0])} in the first epoch, {quantity(line.values[best - 1])} in "
        f"epoch {best}, {quantity(line.values[-1])} in the last"
        for line in lines
    )
    across, upward = ticks(1, epochs, 6), ticks(low, high, 5)
    grid = "".join(f"M{_LEFT} {number(y(value), 1)}h{_WIDE}" for value in upward)
    return element(
        "svg",
        element("title", f"{title} by epoch. {told}."),
        element("path", class_="grid", d=grid),
        element("line", class_="threshold", x1=x(best), x2=x(best), y1=_TOP, y2=_TOP + _HIGH),
        [
            element(
                "path",
                class_=f"curve {line.kind}",
                d="M" + "L".join(f"{number(x(e), 1)} {number(y(v), 1)}" for e, v in _thinned(line.values)),
            )
            for line in lines
        ],
        element("rect", class_="frame", x=_LEFT, y=_TOP, width=_WIDE, height=_HIGH),
        [
            element("text", f"{value:,.0f}", x=x(value), y=_TOP + _HIGH + 15, text_anchor="middle")
            for value in across
            if value == round(value)
        ],
        [
            element("text", quantity(value), x=_LEFT - 6, y=y(value) + 4, text_anchor="end")
            for value in upward
        ],
        element("text", f"{title} ↑", class_="told", x=_LEFT, y=14),
        element("text", "Epoch →", class_="told", x=_LEFT + _WIDE, y=_TOP + _HIGH + 33, text_anchor="end"),
        role="img",
        viewBox=f"0 0 {_LEFT + _WIDE + 12} {_TOP + _HIGH + 38}",
    )


def curve_mark(kind: str) -> Markup:
    """The sign of a curve for a legend."""
    return element(
        "svg", element("path", class_=f"curve {kind}", d="M1 9h16"), viewBox="0 0 18 18", aria_hidden="true"
    )


def _thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    """Epoch and value of the points to draw: all, or the lowest and highest of each stretch."""
    count = len(values)
    if count <= _MOST_POINTS:
        return list(enumerate(values, 1))
    kept = {0, count - 1}
    stretches = _MOST_POINTS // 2
    for part in range(stretches):
        stretch = range(count * part // stretches, count * (part + 1) // stretches)
        kept |= {min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)}
    return [(place + 1, values[place]) for place in sorted(kept)]
