"""What a classifier takes for what: matrices of float and int8, and a line for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daemon.report.figures import rows, share
from daemon.report.markup import Content, Markup, element, named
from daemon.report.page import paragraph, table

#: Classes up to which a matrix is drawn; beyond, the pairs that are confused most.
MOST_CLASSES = 16
_MOST_PAIRS = 24

_TITLES = {"float32": "float32 network", "int8": "int8 network"}


def matrices(metrics: Mapping[str, Mapping[str, Any]], classes: Sequence[str]) -> list[Content]:
    """The confusion matrix of each variant, or the commonest confusions where there are many classes.

    Parameters
    ----------
    metrics : mapping
        ``modelValidationMetrics`` by variant.
    classes : sequence of str
        Names of the classes.
    """
    told = paragraph("Rows that validated. A line is what the rows are, a column what they are taken for.")
    if len(classes) > MOST_CLASSES:
        return [told, *(_pairs(metrics[name]["confusionMatrix"], classes, name) for name in _TITLES)]
    drawn = [_matrix(metrics[name]["confusionMatrix"], classes, _TITLES[name]) for name in _TITLES]
    return [told, element("div", drawn, class_="plots pair")]


def by_class(metrics: Mapping[str, Mapping[str, Any]], classes: Sequence[str]) -> list[Content]:
    """How well each class is told from the others, by both variants."""
    before, after = (metrics[name]["report"] for name in _TITLES)
    body: list[list[Content]] = []
    for name in classes[:256]:
        line = after[name]
        body.append(
            [
                named(name),
                f"{line['support']:,.0f}",
                share(line["precision"]),
                share(line["recall"]),
                share(line["f1-score"]),
                _change(line["f1-score"] - before[name]["f1-score"]),
            ]
        )
    whole = after["macro avg"]
    body.append(
        [
            "Mean of the classes",
            f"{whole['support']:,.0f}",
            share(whole["precision"]),
            share(whole["recall"]),
            share(whole["f1-score"]),
            _change(whole["f1-score"] - before["macro avg"]["f1-score"]),
        ]
    )
    more = "" if len(classes) <= 256 else f"; the first 256 of {len(classes):,}"
    head = ("Class", "Rows", "Right of those taken for it", "Found", "F1", "F1 against float")
    return [
        paragraph(
            "Right of those taken for it is the precision, found is the recall, F1 their harmonic mean: 100 "
            "% where both are. The last column is what int8 wins or loses in it."
        ),
        table(f"The int8 network on the rows that validated{more}", head, body),
    ]


def _matrix(matrix: Sequence[Sequence[float]], classes: Sequence[str], title: str) -> Markup:
    head: list[Content] = ["", *(named(name, 12) for name in classes)]
    body = []
    for name, line in zip(classes, matrix, strict=True):
        total = sum(line)
        cells = [
            element(
                "td",
                f"{count:,.0f}" if count else "",
                style=f"--share:{100 * count / total:.0f}%" if count else None,
                class_="hit" if other == name else None,
            )
            for other, count in zip(classes, line, strict=True)
        ]
        body.append(element("tr", element("th", named(name, 24), scope="row"), cells))
    return table(title, head, body, kind="matrix")


def _pairs(matrix: Sequence[Sequence[float]], classes: Sequence[str], variant: str) -> Markup:
    confused = sorted(
        (-count, right, taken)
        for right, line in enumerate(matrix)
        for taken, count in enumerate(line)
        if count and taken != right
    )
    body = [
        [named(classes[right]), named(classes[taken]), f"{-count:,.0f} of {sum(matrix[right]):,.0f}"]
        for count, right, taken in confused[:_MOST_PAIRS]
    ]
    caption = f"{_TITLES[variant]}: {rows(len(confused), 'pair')} of classes confused, the commonest first"
    return table(caption, ("Are", "Taken for", "Rows"), body)


def _change(difference: float) -> str:
    if abs(difference) < 0.0005:
        return "same"
    return f"{'+' if difference > 0 else '−'}{abs(100 * difference):.1f} points"
