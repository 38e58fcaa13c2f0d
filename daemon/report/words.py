"""What a score means, in words: for somebody who reads the page and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.models.anomaly import AnomalyModel, KMeansModel
from daemon.models.description import EACH_AXIS
from daemon.report.figures import area, one_in, quantity, rows, share
from daemon.report.markup import Content, element
from daemon.report.page import paragraph, strip, table

#: Who set the threshold where it is not the suggested one, by the manifest's ``thresholdSource``.
_SOURCES = {
    "request": "set by the training request",
    "learn block": "set with the learn block",
    "minimumConfidenceRating": "set by minimumConfidenceRating of the request",
}

#: The same, short.
SHORT_SOURCES = {
    "suggested": "suggested by the training scores",
    "request": "set by the request",
    "learn block": "set with the learn block",
    "minimumConfidenceRating": "the request's confidence rating",
}

#: Share of normal rows from which a reader is warned: so many false alarms make nobody look.
_TOO_MANY = 0.05

#: Share of recorded anomalies, and ROC-AUC, below which a reader is warned.
_TOO_FEW, _HARDLY = 0.7, 0.75


@dataclass(frozen=True)
class _Words:
    """A way of scoring: what it measures, its formula, and what values below the threshold tell."""

    measures: str
    formula: str
    values: tuple[tuple[str, str], ...]


_WORDS = {
    "edge": _Words(
        "The score says how far a row lies outside the nearest cluster of training rows. ",
        "score = min over clusters of (distance to the centre − radius of the cluster)",
        (
            ("below 0", "Inside a cluster: like rows that were trained on."),
            ("0", "On the edge: as far out as the outermost training row of that cluster."),
        ),
    ),
    "distance": _Words(
        "The score says how far a row lies from the centre of the nearest cluster of training rows. ",
        "score = min over clusters of the distance to the centre",
        (("0", "At the centre of a cluster. No score is negative."),),
    ),
    "likelihood": _Words(
        "The score says how unusual a row is: how far its log-likelihood under the mixture lies from that of "
        "the training rows, in standard deviations, without its sign.",
        "score = |log-likelihood of the row − mean of the training rows| / their standard deviation",
        (
            ("0", "As likely as the training rows are on average. No score is negative."),
            ("1", "One standard deviation off, in either direction: far more typical rows score high too."),
        ),
    ),
}


def meaning(model: AnomalyModel, score: Mapping[str, Any], figures: Mapping[str, float]) -> list[Content]:
    """Paragraphs and a table: what the score measures, what its values mean, what the threshold does.

    Parameters
    ----------
    model : KMeansModel or GmmModel
    score : dict
        The manifest's ``score``.
    figures : dict
        The manifest's figures of the integer model.
    """
    words = _WORDS[model.scoring if isinstance(model, KMeansModel) else "likelihood"]
    lines = [
        *words.values,
        (f"{quantity(model.threshold)} and above", "An anomaly. Higher is more anomalous."),
        (
            quantity(score["cap"]),
            "The largest score: so far off that more means nothing, or a value that is no number.",
        ),
    ]
    return [
        paragraph(words.measures, _unit(score) if isinstance(model, KMeansModel) else ""),
        element("code", words.formula, class_="formula"),
        table("What a value tells", ("Score", "What it tells"), lines, kind="words"),
        element("h3", "The threshold"),
        paragraph(*_threshold(score, figures)),
        *_caution(figures),
    ]


def _unit(score: Mapping[str, Any]) -> str:
    """What a distance is measured in."""
    if score["deviationsOf"] == EACH_AXIS:
        return "Its unit is the standard deviation of the inputs: each counts alike, whatever its own unit."
    return f"Its unit is the standard deviation of {score['deviationsOf']}."


def _threshold(score: Mapping[str, Any], figures: Mapping[str, float]) -> list[Content]:
    """Where the threshold comes from, and what it costs."""
    suggested = quantity(score["suggestedThreshold"])
    source = score["thresholdSource"]
    parts: list[Content] = [
        "A row that scores ",
        element("strong", quantity(score["threshold"]), " or more"),
        " is an anomaly. ",
    ]
    if source == "suggested":
        parts.append("That is what the training scores suggest: their 99th percentile, and 0.1 at least. ")
    else:
        parts.append(
            f"The threshold was {_SOURCES.get(source, 'set')}; the training scores suggest {suggested}. "
        )
    flagged = figures.get("normalFlagged", figures["trainingFlagged"])
    kind = "normal rows that were not trained on" if "normalFlagged" in figures else "training rows"
    parts.append(
        f"This threshold flags none of the {kind}."
        if flagged == 0
        else f"This threshold flags {one_in(flagged)} of the {kind}: expect false alarms at that rate."
    )
    return parts


def _caution(figures: Mapping[str, float]) -> list[Content]:
    """What a reader should not overlook: many false alarms, anomalies that are not found."""
    told: list[str] = []
    flagged = figures.get("normalFlagged", figures["trainingFlagged"])
    if flagged > _TOO_MANY:
        told.append(
            f"{share(flagged)} of the normal rows are flagged, which is often. A higher threshold flags "
            "fewer; rows of a normal state that is missing in training are flagged at any."
        )
    found, ranked = figures.get("anomaliesFound", 1.0), figures.get("rocAuc", 1.0)
    if found < _TOO_FEW and ranked >= _HARDLY:
        told.append(
            f"The model finds {share(found)} of the recorded anomalies, though it ranks them well (ROC-AUC "
            f"{area(ranked)}): a lower threshold finds more."
        )
    elif ranked < _HARDLY:
        told.append(
            f"Recorded anomalies hardly score higher than normal rows (ROC-AUC {area(ranked)}; 0.5 is "
            "chance): no threshold parts them. The model needs other inputs, or features that gather some "
            "time, such as a mean and a deviation over a window."
        )
    return [paragraph(sentence, kind="verdict bad") for sentence in told]


def training_scores(score: Mapping[str, Any], count: int) -> list[Content]:
    """Percentiles of the training scores."""
    places = score["trainingPercentiles"]
    said = {"0": "lowest", "50": "median", "100": "highest"}
    return [
        paragraph(
            f"How the float model scores the {rows(count, 'training row')}: 99 % of them lie below the value "
            "under 99 %.",
            kind="note",
        ),
        # Rounded: on the edge of a cluster the last bit of a double is no score.
        strip((said.get(name, f"{name} %"), quantity(round(value, 9))) for name, value in places.items()),
    ]
