"""Square scatter plots in SVG, drawn for about 300 pixels and scaled little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from daemon.report.figures import quantity
from daemon.report.markup import Content, Markup, element, number, plain

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
Interval: TypeAlias = "tuple[float, float]"
Mark: TypeAlias = Literal["dots", "pluses", "crosses", "rings"]

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


_LEFT, _TOP, _SIDE = 46, 22, 266
_FAR = 1e5
_WIDE, _HIGH = _LEFT + _SIDE + 8, _TOP + _SIDE + 38


@dataclass(frozen=True)
class Layer:
    """Points of one kind.

    Attributes
    ----------
    kind : str
        Class of the style sheet that colours them.
    mark : {"dots", "pluses", "crosses", "rings"}
        Their shape: kinds differ without colour too.
    points : (n, 2) float
    """

    kind: str
    mark: Mark
    points: Floats


@dataclass(frozen=True)
class Outlines:
    """Clusters as they are drawn.

    Attributes
    ----------
    centres : (m, 2) float
    shapes : (m, 2, 2) float
        An outline is where ``x^T shape^-1 x = 1`` around its centre.
    names : list of str
        Beside the centres; may be empty.
    """

    centres: Floats
    shapes: Floats
    names: list[str]


def scatter(
    layers: Sequence[Layer],
    *,
    x: tuple[str, Interval],
    y: tuple[str, Interval],
    told: str,
    clusters: Outlines | None = None,
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
    clusters : Outlines, optional
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
    if clusters is not None:
        drawn.append(_outlines(place(clusters.centres), clusters.shapes, scale))
    for kind, start, end in lines:
        (x1, y1), (x2, y2) = place(np.array([start, end])).tolist()
        drawn.append(element("line", class_=kind, x1=x1, y1=y1, x2=x2, y2=y2))
    drawn += [_marks(layer, np.clip(place(layer.points), 1.0, _SIDE - 1.0)) for layer in layers]
    if clusters is not None:
        drawn += _centres(place(clusters.centres), clusters.names)
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


#: Outline of each mark around its place; dots are drawn as they are.
_SIGNS = {
    "pluses": "M-3 0h6m-3-3v6",
    "crosses": "M-3-3l6 6m0-6l-6 6",
    "rings": "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0",
}


def signs(kinds: Sequence[str]) -> Markup:
    """The definitions that marks refer to; once on a page, before any plot.

    Parameters
    ----------
    kinds : sequence of str
        Classes of the style sheet that colour layers.
    """
    made = [
        element(
            "marker",
            element("path", class_=f"sign {kind}", d=sign),
            id=f"{mark}-{kind}",
            overflow="visible",
            markerUnits="userSpaceOnUse",
        )
        for mark, sign in _SIGNS.items()
        for kind in kinds
    ]
    return element("svg", element("defs", made), class_="signs", width=0, height=0, aria_hidden="true")


def sign_rules(kinds: Sequence[str]) -> str:
    """What the style sheet says of the marks that `signs` defines."""
    return "".join(f".{mark}.{kind}{{marker:url(#{mark}-{kind})}}" for mark in _SIGNS for kind in kinds)


def legend_mark(kind: str, mark: Mark | Literal["cluster"]) -> Markup:
    """The sign of a layer, or of a cluster, for a legend."""
    middle = np.array([[9.0, 9.0]])
    shown: Content
    if mark == "cluster":
        shown = [_outlines(middle, np.diag([49.0, 49.0])[None], np.ones(2)), *_centres(middle, [])]
    else:
        shown = _marks(Layer(kind, mark, middle), middle)
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
    # All at once: there are thousands, and each alone would take a microsecond or two.
    places = ("%.1f %.1f," * len(points)) % tuple(points.ravel().tolist())
    places = places.replace(".0 ", " ").replace(".0,", ",").rstrip(",")
    if layer.mark == "dots":
        # A line without length and with round ends is a dot.
        return element("path", class_=f"dots {layer.kind}", d="M" + places.replace(",", "h0M") + "h0")
    # No line is drawn, only the sign at each of its points: see `signs`.
    return element("polyline", class_=f"{layer.mark} {layer.kind}", points=places.replace(",", " "))


def _outlines(centres: npt.NDArray[np.float64], shapes: Floats, scale: Floats) -> Markup:
    values, vectors = np.linalg.eigh(shapes * np.outer(scale, scale))
    radii = np.sqrt(np.maximum(values, 0.0))
    made = []
    for (x, y), (small, large), turn in zip(
        centres.tolist(), radii.tolist(), vectors[:, :, 1].tolist(), strict=True
    ):
        # Beyond that it is outside of every picture.
        if not max(abs(x), abs(y), large) < _FAR:
            continue
        at = f"{number(x, 1)} {number(y, 1)}"
        angle = 0.0 if large - small < 0.05 else math.degrees(math.atan2(turn[1], turn[0]))
        made.append(
            element(
                "ellipse",
                rx=number(large, 1),
                ry=number(small, 1),
                transform=f"translate({at})" + (f"rotate({number(angle, 0)})" if angle else ""),
            )
        )
    return element("g", made, class_="edges")


def _centres(centres: npt.NDArray[np.float64], names: Sequence[str]) -> list[Markup]:
    places = np.clip(centres, -_FAR, _FAR).tolist()
    diamonds = "".join(f"M{number(x, 1)} {number(y - 5, 1)}l5 5-5 5-5-5z" for x, y in places)
    signs_ = element("path", class_="centres", d=diamonds)
    return [signs_, *(_name(x, y, name) for (x, y), name in zip(places, names, strict=False))]


def _name(x: float, y: float, name: str) -> Markup:
    """The name of a cluster beside its centre, inside the picture."""
    across = {"x": number(x - 7, 1), "text_anchor": "end"} if x > _SIDE - 24 else {"x": number(x + 7, 1)}
    return element("text", name, class_="number", y=number(y + 14 if y < 18 else y - 4, 1), **across)
