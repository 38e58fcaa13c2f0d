"""Small charts in SVG: histogram bands that take any width, and square scatter plots.

A band has no ``viewBox``: places along it are percentages, so that letters keep their size on a phone. A
scatter plot is drawn for about 300 pixels and scaled little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from daemon.report.figures import quantity
from daemon.report.markup import Markup, element, join, number, plain

Floats = npt.NDArray[np.floating[Any]]
Interval = tuple[float, float]

#: Characters of an axis label.
_LABEL = 34


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers from `low` to `high`, evenly spaced by 1, 2 or 5 times a power of ten."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    # The last is for rounding: with it, a step always fits.
    for factor in (1, 2, 5, 10, 20):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [place * step for place in range(first, last + 1)]


# --- histograms ---------------------------------------------------------------------------------------------

#: Where the bars of a band end, and where those of the rows beyond it begin, in percent.
_END, _BEYOND = 92.0, 95.0
_HEIGHT = 56
_BINS = 44


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
        spread = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-9)
        if low - 10 * spread <= threshold <= high + 10 * spread:
            low, high = min(low, threshold - 0.2 * spread), max(high, threshold + 0.2 * spread)
        core = max(high - low, spread)
        reaching = [float(np.percentile(scores, 90)) for scores in others if len(scores)]
        high = max([high, *(min(place, low + 3.5 * core) for place in reaching)])
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
    """Bars of one group of rows; the highest fills the height.

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
    largest = max(max(counts), beyond, 1)
    step = _END / bins.count
    # One path would be shorter, but takes no percentages.
    bars = [
        _bar(place * step, step, count / largest) for place, count in enumerate(counts) if count
    ]
    if beyond:
        bars.append(_bar(_BEYOND, 100 - _BEYOND, beyond / largest))
    return element(
        "svg",
        element("title", told),
        _flagged_region(bins, _HEIGHT),
        bars,
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
        at = bins.percent(value)
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
        class_="bar",
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


# --- scatter plots ------------------------------------------------------------------------------------------

_LEFT, _TOP, _SIDE = 46, 22, 266
_WIDE, _HIGH = _LEFT + _SIDE + 8, _TOP + _SIDE + 38


@dataclass(frozen=True)
class Layer:
    """Points of one kind.

    Attributes
    ----------
    kind : str
        Class of the style sheet that colours them.
    mark : {"dots", "crosses", "rings"}
        Their shape: kinds differ without colour too.
    points : (n, 2) float
    """

    kind: str
    mark: Literal["dots", "crosses", "rings"]
    points: Floats


@dataclass(frozen=True)
class Cluster:
    """A cluster as it is drawn.

    Attributes
    ----------
    centre : (2,) float
    shape : (2, 2) float or None
        The outline is where ``x^T shape^-1 x = 1`` around the centre; None draws the centre alone.
    name : str
        Beside the centre; may be empty.
    """

    centre: Floats
    shape: Floats | None
    name: str


def scatter(
    layers: Sequence[Layer],
    *,
    x: tuple[str, Interval],
    y: tuple[str, Interval],
    told: str,
    clusters: Sequence[Cluster] = (),
    lines: Sequence[tuple[str, tuple[float, float], tuple[float, float]]] = (),
) -> Markup:
    """A square plot; points outside the intervals are drawn on its frame.

    Parameters
    ----------
    layers : sequence of Layer
        From the bottom to the top.
    x, y : (label, interval)
        Of each axis; the intervals are not empty.
    told : str
        The picture in words.
    clusters : sequence of Cluster, optional
    lines : sequence of (class, from, to), optional
        Straight lines between two points.
    """
    (x_label, x_range), (y_label, y_range) = x, y
    origin = np.array([x_range[0], y_range[1]])
    scale = np.array([_SIDE / (x_range[1] - x_range[0]), -_SIDE / (y_range[1] - y_range[0])])

    def place(points: Floats) -> npt.NDArray[np.float64]:
        return np.asarray((points - origin) * scale, dtype=np.float64)

    drawn: list[Markup | None] = [
        _grid(ticks(*x_range, 5), place, upright=True),
        _grid(ticks(*y_range, 5), place, upright=False),
    ]
    for cluster in clusters:
        drawn.append(_outline(place(cluster.centre), cluster.shape, scale))
    for kind, start, end in lines:
        (x1, y1), (x2, y2) = place(np.array([start, end])).tolist()
        drawn.append(element("line", class_=kind, x1=x1, y1=y1, x2=x2, y2=y2))
    drawn += [_marks(layer, np.clip(place(layer.points), 1.0, _SIDE - 1.0)) for layer in layers]
    drawn += [_centre(place(cluster.centre), cluster.name) for cluster in clusters]
    # A nested image cuts off what reaches over its edge.
    inside = element("svg", drawn, x=_LEFT, y=_TOP, width=_SIDE, height=_SIDE, overflow="hidden")
    return element(
        "svg",
        element("title", told),
        inside,
        element("rect", class_="frame", x=_LEFT, y=_TOP, width=_SIDE, height=_SIDE),
        [
            element("text", quantity(value), x=_LEFT + float(at), y=_TOP + _SIDE + 15, text_anchor="middle")
            for value, at in _labelled(ticks(*x_range, 5), place, 0)
        ],
        [
            element("text", quantity(value), x=_LEFT - 6, y=_TOP + float(at) + 4, text_anchor="end")
            for value, at in _labelled(ticks(*y_range, 5), place, 1)
        ],
        element("text", plain(f"{y_label} ↑", _LABEL), class_="told", x=_LEFT, y=14),
        element(
            "text",
            plain(f"{x_label} →", _LABEL),
            class_="told",
            x=_LEFT + _SIDE,
            y=_TOP + _SIDE + 33,
            text_anchor="end",
        ),
        role="img",
        viewBox=f"0 0 {_WIDE} {_HIGH}",
    )


def legend_mark(kind: str, mark: Literal["dots", "crosses", "rings", "cluster"]) -> Markup:
    """The sign of a layer, or of a cluster, for a legend."""
    middle = np.array([[9.0, 9.0]])
    shown = (
        join(_outline(middle[0], np.diag([49.0, 49.0]), np.ones(2)), _centre(middle[0], ""))
        if mark == "cluster"
        else _marks(Layer(kind, mark, middle), middle)
    )
    return element("svg", shown, viewBox="0 0 18 18", aria_hidden="true")


def _labelled(values: Sequence[float], place: Any, axis: int) -> list[tuple[float, float]]:
    return [(value, place(np.array([value, value]))[axis]) for value in values]


def _grid(values: Sequence[float], place: Any, *, upright: bool) -> Markup:
    along = "".join(
        f"M{number(at, 1)} 0V{_SIDE}" if upright else f"M0 {number(at, 1)}H{_SIDE}"
        for _, at in _labelled(values, place, 0 if upright else 1)
    )
    return element("path", class_="grid", d=along)


def _marks(layer: Layer, points: npt.NDArray[np.float64]) -> Markup | None:
    if not len(points):
        return None
    written = []
    for x, y in points.tolist():
        at = f"{number(x, 1)} {number(y, 1)}"
        if layer.mark == "dots":
            written.append(f"M{at}h0")
        elif layer.mark == "crosses":
            written.append(f"M{at}m-3-3l6 6m0-6l-6 6")
        else:
            written.append(f"M{at}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0")
    return element("path", class_=f"{layer.mark} {layer.kind}", d="".join(written))


def _outline(centre: npt.NDArray[np.float64], shape: Floats | None, scale: Floats) -> Markup | None:
    if shape is None:
        return None
    values, vectors = np.linalg.eigh(shape * np.outer(scale, scale))
    radii = np.sqrt(np.maximum(values, 0.0))
    # Beyond that it is outside of every picture.
    if not np.isfinite(radii).all() or radii.max() > 1e5 or np.abs(centre).max() > 1e5:
        return None
    turned = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) if radii[0] != radii[1] else 0.0
    x, y = (number(place, 1) for place in centre)
    return element(
        "ellipse",
        class_="edges",
        cx=x,
        cy=y,
        rx=number(radii[1], 1),
        ry=number(radii[0], 1),
        transform=f"rotate({number(turned, 1)} {x} {y})" if turned else None,
    )


def _centre(centre: npt.NDArray[np.float64], name: str) -> Markup:
    x, y = centre.tolist()
    sign = element("path", class_="centres", d=f"M{number(x, 1)} {number(y - 5, 1)}l5 5-5 5-5-5z")
    if not name:
        return sign
    return join(sign, element("text", name, class_="number", x=number(x + 7, 1), y=number(y - 4, 1)))
