"""Histogram bands in SVG, one above the other on a common axis, that take any width.

A band has no ``viewBox``: places along it are percentages, so that letters keep their size on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daemon.report.figures import quantity
from daemon.report.markup import Markup, element, number
from daemon.report.svg import Floats, ticks

#: Where the bars of a band end, and where those of the rows beyond it begin, in percent.
_END, _BEYOND = 92.0, 95.0
#: On a phone, the number of a later tick would touch the word at the right end.
_LAST_TICK = 78.0
_HEIGHT = 56
_BINS = 44

#: Least spread of the reference, in the scores' unit of a standard deviation: where rows are few, all scores
#: may be 0, and the threshold is to be on the axis all the same.
_LEAST_SPREAD = 0.05


@dataclass(frozen=True)
class Bins:
    """Equal bins, one of whose edges is the threshold; larger values are counted apart, smaller in the first.

    Attributes
    ----------
    low, width : float
        Lower edge of the first bin, and the width of all.
    count : int
        How many.
    threshold : float
        May lie outside.
    """

    low: float
    width: float
    count: int
    threshold: float

    @property
    def high(self) -> float:
        """Upper edge of the last bin."""
        return self.low + self.width * self.count

    @classmethod
    def around(cls, reference: Floats, others: Sequence[Floats], threshold: float) -> Bins:
        """Bins in which the reference can be told apart, and as much of the others as fits.

        Parameters
        ----------
        reference : (n,) float
            Finite, one or more.
        others : sequence of (m,) float
            Finite.
        threshold : float
            Inside where it is not further off than ten times the spread of the reference.
        """
        low, high = float(reference.min()), float(reference.max())
        spread = max(high - low, 1e-3 * max(abs(low), abs(high)), _LEAST_SPREAD)
        if low - 10 * spread <= threshold <= high + 10 * spread:
            low, high = min(low, threshold - 0.2 * spread), max(high, threshold + 0.2 * spread)
        core = max(high - low, spread)
        reaching = [float(np.percentile(scores, 90)) for scores in others if len(scores)]
        for place in reaching:
            high = max(high, min(place, low + 3.0 * core))
        low -= 0.02 * core
        width = (high + 0.04 * core - low) / _BINS
        if low < threshold < high:
            low = threshold - math.ceil((threshold - low) / width) * width
        return cls(low, width, _BINS + 1, threshold)

    def fill(self, scores: Floats) -> tuple[list[int], int]:
        """How many scores lie in each bin, and how many beyond the last."""
        # Relative to the threshold: a score that equals it belongs above.
        start = round((self.threshold - self.low) / self.width)
        inside = start if self.low < self.threshold < self.high else 0
        origin = self.threshold if inside else self.low
        places = np.floor((scores.astype(np.float64) - origin) / self.width) + inside
        counts = np.bincount(np.clip(places, 0, self.count).astype(np.intp), minlength=self.count + 1)
        return [int(count) for count in counts[:-1]], int(counts[-1])

    def percent(self, value: float) -> float:
        """How far along a band a value lies."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0) * _END


def band(bins: Bins, counts: Sequence[int], beyond: int, told: str) -> Markup:
    """Bars of one group of rows; the highest fills the height, and so does a higher one of the rows beyond.

    Parameters
    ----------
    bins : Bins
    counts : sequence of int
        Of each bin.
    beyond : int
        Rows beyond the last bin, drawn apart at the right end.
    told : str
        The picture in words.
    """
    largest = max(*counts, 1)
    step = _END / bins.count
    # One path would be shorter, but takes no percentages.
    bars = [_bar(place * step, step, count / largest) for place, count in enumerate(counts) if count]
    if beyond:
        bars.append(_bar(_BEYOND, 100 - _BEYOND, min(beyond / largest, 1.0)))
    return element(
        "svg",
        element("title", told),
        _flagged_region(bins, _HEIGHT),
        element("g", bars, class_="bar"),
        _line(0, _HEIGHT, 100, _HEIGHT, "base"),
        _threshold_line(bins, 0, _HEIGHT),
        role="img",
        height=_HEIGHT + 1,
    )


def band_axis(bins: Bins) -> Markup:
    """The common axis below all bands, with the threshold."""
    place = bins.percent(bins.threshold)
    marks = []
    for value in ticks(bins.low, bins.high, 6):
        if (at := bins.percent(value)) > _LAST_TICK:
            break
        marks.append(_line(at, 0, at, 5, "base"))
        marks.append(element("text", quantity(value), x=f"{number(at)}%", y=18, text_anchor=_anchor(at)))
    arrow = "← " if bins.threshold < bins.low else "→ " if bins.threshold > bins.high else ""
    return element(
        "svg",
        marks,
        element("text", "beyond", x="100%", y=18, text_anchor="end"),
        _threshold_line(bins, 0, 24),
        element(
            "text",
            f"{arrow}threshold {quantity(bins.threshold)}",
            class_="told",
            x=f"{number(place)}%",
            y=37,
            text_anchor=_anchor(place),
        ),
        aria_hidden="true",
        height=42,
    )


def _bar(left: float, width: float, share: float) -> Markup:
    # A single row is still to be seen.
    high = max(share * (_HEIGHT - 3), 1.5)
    return element(
        "rect",
        x=f"{number(left)}%",
        width=f"{number(width * 0.9)}%",
        y=number(_HEIGHT - high, 1),
        height=number(high, 1),
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return element("line", class_=kind, x1=f"{number(x1)}%", y1=y1, x2=f"{number(x2)}%", y2=y2)


def _threshold_line(bins: Bins, top: int, bottom: int) -> Markup | None:
    if not bins.low <= bins.threshold <= bins.high:
        return None
    place = bins.percent(bins.threshold)
    return _line(place, top, place, bottom, "threshold")


def _flagged_region(bins: Bins, height: int) -> Markup | None:
    if bins.threshold > bins.high:
        return None
    left = bins.percent(bins.threshold)
    return element(
        "rect", class_="region", x=f"{number(left)}%", width=f"{number(100 - left)}%", y=0, height=height
    )


def _anchor(percent: float) -> str:
    return "start" if percent < 12 else "end" if percent > 88 else "middle"
