"""HTML and SVG elements from Python values. Whatever is not markup already is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

#: Characters of a name or label that are shown at most: a page stays small whatever it is about.
MOST_CHARACTERS = 64

#: Control characters: no HTML document may hold them.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_WITHOUT_CONTENT = frozenset({"meta"})
_CLOSED = frozenset({"ellipse", "line", "path", "polyline", "rect"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content: TypeAlias = "str | int | Iterable[Content] | None"
Attribute: TypeAlias = "str | int | float | bool | None"


def text(value: str) -> Markup:
    """Escape text of our own; markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(escape(value))


def named(value: object, most: int = MOST_CHARACTERS) -> Markup:
    """Text that somebody else chose: a name, a unit, a label.

    Parameters
    ----------
    value : object
        Shown as its ``str``; control characters become spaces.
    most : int
        Longer text is cut, with an ellipsis.

    Returns
    -------
    Markup
        In a ``bdi`` element, so that right-to-left text turns nothing around outside itself.
    """
    return Markup(f"<bdi>{escape(plain(value, most))}</bdi>")


def plain(value: object, most: int = MOST_CHARACTERS) -> str:
    """The same for places that take no elements, such as SVG text; not escaped yet."""
    shown = _CONTROLS.sub(" ", str(value))
    return shown if len(shown) <= most else shown[: most - 1] + "…"


def join(*content: Content) -> Markup:
    """Content in one piece: strings are escaped, None is nothing, iterables are walked."""
    parts: list[str] = []
    for part in content:
        if part is None:
            continue
        if isinstance(part, (str, int)):
            parts.append(text(str(part)) if not isinstance(part, Markup) else part)
        else:
            parts.append(join(*part))
    return Markup("".join(parts))


def element(tag: str, *content: Content, **attributes: Attribute) -> Markup:
    """An element.

    Parameters
    ----------
    tag : str
        Name of the element.
    *content : Content
        What it holds.
    **attributes
        ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None and False leave the attribute out,
        True writes its name alone. Floats are written with two decimals at most.
    """
    written = "".join(
        f" {_attribute(name)}" if value is True else f' {_attribute(name)}="{escape(_value(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _WITHOUT_CONTENT:
        return Markup(f"<{tag}{written}>")
    if tag in _CLOSED:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{join(*content)}</{tag}>")


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _value(value: Attribute) -> str:
    return number(value) if isinstance(value, float) else str(value)


def number(value: float, decimals: int = 2) -> str:
    """A coordinate, short: no trailing zeros, no minus zero."""
    shown = f"{value:.{decimals}f}"
    if "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
