"""The frame of every report: head, style, sections, tables. Knows nothing of models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from daemon.report.markup import Content, Markup, element, join, named
from daemon.report.style import KINDS, STYLE
from daemon.report.svg import signs

#: Nothing is fetched and nothing runs, even if somebody got markup into a name.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


#: Warnings that are listed; all of them are in the manifest.
_MOST_WARNINGS = 12


@dataclass(frozen=True)
class Tile:
    """A figure to be seen first: what it is, its value, and what it is measured on."""

    title: str
    figure: str
    aside: str


def page(title: str, header: Content, sections: Iterable[Content], footer: Content) -> str:
    """A complete document.

    Parameters
    ----------
    title : str
        For the tab and for paper; escaped here.
    header, sections, footer : Content
        What it holds; each section is a ``section`` of :func:`section`.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width,initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    body = element(
        "body",
        signs(KINDS),
        element("header", header),
        "\n",
        element("main", [join(section, "\n") for section in sections]),
        "\n",
        element("footer", footer),
    )
    return join(Markup("<!doctype html>\n"), element("html", head, "\n", body, lang="en"), "\n")


def section(name: str, title: str, *content: Content) -> Markup:
    """A part of the page with its heading; `name` is its id."""
    return element(
        "section", element("h2", title, id=name), [join("\n", part) for part in content], aria_labelledby=name
    )


def tiles(items: Iterable[Tile]) -> Markup:
    """The figures to be seen first."""
    return element(
        "dl",
        [
            element(
                "div",
                element("dt", item.title),
                element("dd", item.figure, class_="figure"),
                element("dd", item.aside, class_="aside"),
            )
            for item in items
        ],
        class_="tiles",
    )


def warnings(told: Sequence[str]) -> Content:
    """What a reader should mind, in a box; nothing where there is nothing."""
    if not told:
        return None
    listed = [element("li", named(warning, 400)) for warning in told[:_MOST_WARNINGS]]
    if len(told) > _MOST_WARNINGS:
        listed.append(element("li", f"and {len(told) - _MOST_WARNINGS:,} more in manifest.json"))
    return element("div", element("strong", "Mind"), element("ul", listed), class_="warnings", role="note")


def paragraph(*content: Content, kind: str | None = None) -> Markup:
    """A paragraph; `kind` is a class of the style sheet."""
    return element("p", *content, class_=kind)


def table(
    caption: Content,
    head: Sequence[Content],
    body: Iterable[Sequence[Content] | Markup],
    kind: str | None = None,
) -> Markup:
    """A table whose first column heads its rows, and which scrolls by itself where it is too wide.

    Parameters
    ----------
    caption : Content
        What the table shows.
    head : sequence of Content
        Title of each column.
    body : iterable of (sequence of Content) or Markup
        Rows; markup is taken as a complete row.
    kind : str, optional
        A class of the style sheet.
    """
    lines = [
        row
        if isinstance(row, Markup)
        else element("tr", element("th", row[0], scope="row"), [element("td", cell) for cell in row[1:]])
        for row in body
    ]
    made = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", [element("th", cell, scope="col") for cell in head])),
        element("tbody", [join("\n", line) for line in lines]),
        class_=kind,
    )
    return element("div", made, class_="scroll")


def strip(items: Iterable[tuple[str, str]]) -> Markup:
    """A row of small figures with their names above, which wraps where it is too wide."""
    return element(
        "dl",
        [element("div", element("dt", name), element("dd", value)) for name, value in items],
        class_="strip",
    )


def facts(caption: Content, items: Iterable[tuple[str, Content]]) -> Markup:
    """A table of named facts in words; one that is None is left out."""
    lines = [
        element("tr", element("th", name, scope="row"), element("td", value))
        for name, value in items
        if value is not None
    ]
    return element("table", element("caption", caption), element("tbody", lines), class_="words facts")


def part(title: str, width: int) -> Markup:
    """A row that heads the rows below it."""
    return element("tr", element("th", title, colspan=width, scope="colgroup"), class_="part")


def details(summary: str, *content: Content) -> Markup:
    """What only some readers open; without a script, and not printed while it is closed."""
    return element("details", element("summary", summary), *content)


def legend(items: Iterable[tuple[Markup, Content]]) -> Markup:
    """What the marks of pictures mean."""
    return element(
        "ul", [element("li", mark, element("span", meaning)) for mark, meaning in items], class_="legend"
    )


def meter(share: float) -> Markup:
    """A bar for a number that stands beside it; 0 to 1."""
    return element(
        "span",
        element("i", style=f"width:{100 * min(max(share, 0.0), 1.0):.1f}%"),
        class_="meter",
        aria_hidden="true",
    )
