"""The pictures of an anomaly model: its scores, its clusters, its rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.models.anomaly import AnomalyModel, KMeansModel
from daemon.report.figures import quantity, rows, share
from daemon.report.histogram import Bins, band, band_axis
from daemon.report.markup import Content, Markup, element, named, plain
from daemon.report.material import Group, drawn, evenly
from daemon.report.page import details, legend, table
from daemon.report.svg import (
    Interval,
    Layer,
    Mark,
    Outlines,
    legend_mark,
    scatter,
)

FloatArray = npt.NDArray[np.float64]

#: Inputs that are drawn against each other, rows of a kind in one picture, clusters: at most.
MOST_INPUTS = 4
_MOST_POINTS = {"training": 400, "normal": 160, "recorded": 120}
_MOST_RINGS = 60
_MOST_COMPARED = 160
_MOST_CLUSTERS = 48
_MOST_NUMBERS = 12
_MOST_COUNTED = 20_000

_SHORT = {"training": "Training", "normal": "Normal", "recorded": "Recorded", "made": "Made"}
_ONE = {
    "training": "training row",
    "normal": "normal row not trained on",
    "recorded": "recorded anomaly",
    "made": "made anomaly",
}
_MARKS: dict[str, Mark] = {"training": "dots", "normal": "pluses", "recorded": "crosses", "made": "rings"}

#: An ellipse of two standard deviations holds 86 % of the rows of a normal distribution.
_DEVIATIONS = 2.0


def histogram(groups: Sequence[Group], flagged: Mapping[str, float], threshold: float) -> list[Content]:
    """One band of bars for each kind of rows above a common axis, and the numbers.

    Parameters
    ----------
    groups : sequence of Group
        Training rows first.
    flagged : dict of str to float
        Share of all rows of each kind that score at or above the threshold.
    threshold : float
    """
    bins = Bins.around(groups[0].scores, [group.scores for group in groups[1:]], threshold)
    shown: list[Content] = []
    numbers: list[tuple[list[int], int]] = []
    for group in groups:
        counts, beyond = bins.fill(group.scores)
        numbers.append((counts, beyond))
        told = f"{rows(group.total)}, {share(flagged[group.kind])} at or above the threshold"
        if beyond:
            told += f", {share(beyond / len(group.rows))} beyond the axis"
        shown.append(
            element(
                "div",
                element("p", element("b", group.title), element("span", told)),
                band(bins, counts, beyond, f"Histogram of scores. {group.title}: {told}."),
                class_=f"band {group.kind}",
            )
        )
    head = ["Score from", *(_SHORT[group.kind] for group in groups)]
    body = [
        [quantity(bins.low + place * bins.width), *(f"{counts[place]:,}" for counts, _ in numbers)]
        for place in range(bins.count)
        if any(counts[place] for counts, _ in numbers)
    ]
    body.append([f"{quantity(bins.high)} and beyond", *(f"{beyond:,}" for _, beyond in numbers)])
    thinned = " (kinds with more than 1,500 rows: 1,500 of them, evenly spread)"
    caption = "Rows in each bin" + (thinned if any(group.total > len(group.rows) for group in groups) else "")
    bands = element("div", shown, band_axis(bins), class_="bands")
    return [bands, details("The histogram as a table", table(caption, head, body))]


@dataclass(frozen=True)
class Clusters:
    """The clusters of a model in the inputs' own units.

    Attributes
    ----------
    centres : (k, d) float64
    sizes : (k,) float64
        Share of the training rows.
    order : (m,) int
        Clusters from the largest to the smallest, at most 48: those that are drawn.
    nearest : (n,) int
        K-means: cluster of each of the rows of the first group.
    """

    centres: FloatArray
    sizes: FloatArray
    order: npt.NDArray[np.intp]
    nearest: npt.NDArray[np.intp]


def clusters_of(model: AnomalyModel, training: npt.NDArray[np.float32], shown: Group) -> Clusters:
    """Centres and sizes.

    Parameters
    ----------
    model : KMeansModel or GmmModel
    training : (n, d) float32
        All training rows; sizes are counted on at most 20,000 of them.
    shown : Group
        The training rows that are drawn.
    """
    nearest = np.zeros(len(shown.rows), np.intp)
    if isinstance(model, KMeansModel):
        counted = _nearest(model, training[evenly(len(training), _MOST_COUNTED)])
        sizes = np.bincount(counted, minlength=len(model.centroids)) / len(counted)
        centres, nearest = model.centroids * model.scale + model.mean, _nearest(model, shown.rows)
    else:
        centres, _ = model.folded()
        sizes = model.weights
    return Clusters(centres, sizes, np.argsort(-sizes, kind="stable")[:_MOST_CLUSTERS], nearest)


def _nearest(model: KMeansModel, rows_: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    z = (rows_ - model.mean) / model.scale
    return np.asarray(((model.centroids**2).sum(axis=1) - 2.0 * z @ model.centroids.T).argmin(axis=1))


@dataclass(frozen=True)
class Plane:
    """Two directions in the space of the inputs, and the rows seen along them.

    Attributes
    ----------
    directions : (2, d) float64
        A row's place is ``(row - origin) @ directions.T``.
    origin : (d,) float64
    labels : (str, str)
    alike : bool
        Whether both have the same unit: then the second is not blown up where nothing happens in it.
    """

    directions: FloatArray
    origin: FloatArray
    labels: tuple[str, str]
    alike: bool = False

    def place(self, points: npt.NDArray[np.floating[Any]]) -> FloatArray:
        """(n, d) rows to (n, 2) places."""
        return np.asarray((points - self.origin) @ self.directions.T, dtype=np.float64)

    def outlines(self, model: AnomalyModel, clusters: Clusters, places: FloatArray) -> FloatArray:
        """Shapes (m, 2, 2) of the outlines of the clusters that are drawn.

        Two inputs show the whole K-means cluster: its radius. More inputs show its rows, and a component of
        a GMM, to twice their standard deviation: the radius in all inputs would hide everything.

        Parameters
        ----------
        model : KMeansModel or GmmModel
        clusters : Clusters
        places : (n, 2) float64
            Of the rows of the first group.
        """
        if not isinstance(model, KMeansModel):
            scaled = self.directions * model.scale
            return np.asarray(scaled @ model.covariances[clusters.order] @ scaled.T * _DEVIATIONS**2)
        if model.mean.size == 2:
            scaled = self.directions * model.scale
            return np.asarray(scaled @ scaled.T * model.radii[clusters.order, None, None] ** 2)
        count = np.maximum(np.bincount(clusters.nearest, minlength=len(model.radii)), 1)

        def mean(values: FloatArray) -> FloatArray:
            return np.asarray(np.bincount(clusters.nearest, values, len(model.radii)) / count)

        off = places - np.stack([mean(places[:, axis]) for axis in (0, 1)], axis=1)[clusters.nearest]
        xx, xy, yy = (mean(off[:, one] * off[:, other]) for one, other in ((0, 0), (0, 1), (1, 1)))
        shapes = np.moveaxis(np.array([[xx, xy], [xy, yy]]), 2, 0) * _DEVIATIONS**2
        return np.asarray(shapes[clusters.order])


def inputs_drawn(model: AnomalyModel, clusters: Clusters) -> list[int]:
    """The inputs in which the clusters differ most, in order."""
    centres = (clusters.centres - model.mean) / model.scale
    middle = clusters.sizes @ centres / clusters.sizes.sum()
    spread = clusters.sizes @ (centres - middle) ** 2
    return sorted(np.argsort(-spread, kind="stable")[:MOST_INPUTS].tolist())


def pairs(
    model: AnomalyModel, groups: Sequence[Group], clusters: Clusters, inputs: Sequence[Mapping[str, Any]]
) -> list[Markup]:
    """The inputs in which the clusters differ most, each against each.

    With a single input, its value against the score.
    """
    names = [_input_name(entry) for entry in inputs]
    if len(names) == 1:
        return [_one_input(model, groups, names[0])]
    chosen = inputs_drawn(model, clusters)
    made = []
    for first, second in itertools.combinations(chosen, 2):
        directions = np.zeros((2, len(names)))
        directions[0, first] = directions[1, second] = 1.0
        plane = Plane(directions, np.zeros(len(names)), (names[first], names[second]))
        told = f"Rows and clusters: {names[second]} against {names[first]}."
        made.append(element("figure", _plane(plane, model, groups, clusters, told)))
    return made


def centres(model: AnomalyModel, clusters: Clusters, inputs: Sequence[Mapping[str, Any]]) -> Markup:
    """The centres in the inputs that are drawn, as a table."""
    chosen = inputs_drawn(model, clusters)
    body = [
        [str(number + 1), *(quantity(float(value)) for value in clusters.centres[number, chosen])]
        for number in clusters.order.tolist()
    ]
    head = ["No.", *(named(_input_name(inputs[place])) for place in chosen)]
    return details("The centres as a table", table("Centres of the clusters, largest first", head, body))


def embedding(
    model: AnomalyModel,
    groups: Sequence[Group],
    clusters: Clusters,
    embedded: Mapping[str, Any],
    mean: FloatArray,
) -> Markup:
    """All rows on the first two principal components of the standardised training rows.

    Parameters
    ----------
    model : KMeansModel or GmmModel
    groups : sequence of Group
    clusters : Clusters
    embedded : dict
        What `daemon.models.embedding` made.
    mean : (d,) float64
        Of the training rows, in their own units.
    """
    shares = embedded["explainedVariance"]
    labels = tuple(
        f"{which} component ({share(value)})"
        for which, value in zip(("First", "Second"), shares, strict=True)
    )
    plane = Plane(np.array(embedded["components"]) / model.scale, mean, (labels[0], labels[1]), alike=True)
    held = share(min(sum(shares), 1.0))
    told = f"Rows and clusters on two principal components, which hold {held} of the variance."
    return element("figure", _plane(plane, model, groups, clusters, told))


def marks(model: AnomalyModel, groups: Sequence[Group]) -> Markup:
    """What the marks in the cluster pictures mean."""
    if model.mean.size == 1:
        return comparison_marks(groups)
    items: list[tuple[Markup, Content]] = []
    for group in groups:
        if group.kind in _MOST_POINTS:
            items.append((legend_mark(group.kind, _MARKS[group.kind]), _ONE[group.kind]))
        if group.kind == "training":
            items.append((legend_mark("training", "rings"), "training row at or above the threshold"))
    whole = isinstance(model, KMeansModel) and model.mean.size == 2
    reach = "its edge, where the score is 0" if whole else "two standard deviations of its rows"
    items.append((legend_mark("", "cluster"), f"centre of a cluster, and {reach}"))
    return legend(items)


def comparison_marks(groups: Sequence[Group]) -> Markup:
    """What the marks of kinds of rows mean, where all kinds are drawn."""
    return legend((legend_mark(group.kind, _MARKS[group.kind]), _ONE[group.kind]) for group in groups)


def agreement(groups: Sequence[Group], threshold: float) -> Markup:
    """Integer scores against float scores; equal ones lie on the diagonal."""
    layers = []
    for group in reversed(groups):
        chosen = drawn(group, _MOST_COMPARED)
        points = np.column_stack([group.scores[chosen], group.integer[chosen]]).astype(np.float64)
        layers.append(Layer(group.kind, _MARKS[group.kind], points))
    bins = Bins.around(groups[0].scores, [group.scores for group in groups[1:]], threshold)
    low, high = both = bins.low, bins.high
    lines = [("diagonal", (low, low), (high, high))]
    if low < threshold < high:
        lines += [
            ("threshold", (threshold, low), (threshold, high)),
            ("threshold", (low, threshold), (high, threshold)),
        ]
    told = "Scores of the integer model against those of the float model: equal scores lie on the diagonal."
    return scatter(layers, x=("float score", both), y=("integer score", both), told=told, lines=lines)


def _plane(
    plane: Plane, model: AnomalyModel, groups: Sequence[Group], clusters: Clusters, told: str
) -> Markup:
    """Rows and clusters in a plane; rows far outside it are drawn on its frame."""
    shown = [group for group in groups if group.kind in _MOST_POINTS]
    places = [plane.place(group.rows) for group in shown]
    everything = np.concatenate(places)
    across = _widened(places[0][:, 0], everything[:, 0])
    least = 0.1 * (across[1] - across[0]) if plane.alike else 0.0
    up = _widened(places[0][:, 1], everything[:, 1], least)
    layers = []
    for group, points in zip(shown, places, strict=True):
        chosen = drawn(group, _MOST_POINTS[group.kind])
        layers.append(Layer(group.kind, _MARKS[group.kind], points[chosen]))
        if group.kind == "training":
            flagged = group.scores[chosen] >= model.threshold
            layers.append(Layer("training", "rings", points[chosen][flagged][:_MOST_RINGS]))
    numbered = len(clusters.centres) <= _MOST_NUMBERS
    outlines = Outlines(
        plane.place(clusters.centres[clusters.order]),
        plane.outlines(model, clusters, places[0]),
        [str(number + 1) for number in clusters.order] if numbered else [],
    )
    return scatter(
        layers,
        x=(plane.labels[0], across),
        y=(plane.labels[1], up),
        told=told,
        clusters=outlines,
    )


def _one_input(model: AnomalyModel, groups: Sequence[Group], name: str) -> Markup:
    """The score over the values of the only input."""
    layers = []
    for group in reversed(groups):
        chosen = drawn(group, _MOST_COMPARED)
        points = np.column_stack([group.rows[chosen, 0], group.scores[chosen]]).astype(np.float64)
        layers.append(Layer(group.kind, _MARKS[group.kind], points))
    everything = np.concatenate([group.rows[:, 0] for group in groups]).astype(np.float64)
    across = _widened(groups[0].rows[:, 0].astype(np.float64), everything)
    bins = Bins.around(groups[0].scores, [group.scores for group in groups[1:]], model.threshold)
    up = (bins.low, bins.high)
    told = f"Scores of rows against {name}."
    lines = [("threshold", (across[0], model.threshold), (across[1], model.threshold))]
    return element("figure", scatter(layers, x=(name, across), y=("score", up), told=told, lines=lines))


def _widened(training: FloatArray, everything: FloatArray, least: float = 0.0) -> Interval:
    """An interval that holds all training rows, and as much of everything as keeps these apart.

    Parameters
    ----------
    training, everything : (n,), (m,) float64
    least : float
        Its least length.
    """
    low, high = float(training.min()), float(training.max())
    # A single value has some room around it.
    span = max(high - low, 1e-6 * max(abs(low), abs(high)), least) or 1.0
    low, high = (low, high) if high > low else (low - span / 2, high + span / 2)
    lowest, highest = float(everything.min()), float(everything.max())
    start, end = min(low, max(lowest, low - 0.8 * span)), max(high, min(highest, high + 0.8 * span))
    middle, half = (start + end) / 2, max(end - start, least) / 2 + 0.06 * span
    return middle - half, middle + half


def _input_name(entry: Mapping[str, Any]) -> str:
    units = entry["units"]
    return plain(entry["label"], 24) + (f" ({plain(units, 8)})" if units and units != "N/A" else "")
