"""C text: arrays, literals, comments. Knows nothing of models."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 110
"""Generated lines are not longer."""


def float_literal(value: float) -> str:
    """A literal that every compiler reads back as the same binary32 value."""
    text = f"{value:.9g}"
    return f"{text}f" if any(mark in text for mark in ".en") else f"{text}.0f"


def int32_literal(value: int) -> str:
    """A literal of type int that also holds the least value, which has no plain one."""
    return str(value) if value > -(2**31) else "(-2147483647 - 1)"


def braced(items: Iterable[str], indent: int = 0) -> str:
    """Items in braces: on one line where they fit, else filled lines.

    Parameters
    ----------
    items : iterable of str
    indent : int
        Column at which the text will stand.
    """
    parts = list(items)
    line = "{" + ", ".join(parts) + "}"
    if indent + len(line) < WIDTH and "\n" not in line:
        return line
    if any("\n" in part or part.startswith("{") for part in parts):
        body = ",\n".join(textwrap.indent(part, " " * (indent + 2), lambda _: True) for part in parts)
    else:
        body = textwrap.fill(
            ", ".join(parts),
            WIDTH,
            initial_indent=" " * (indent + 2),
            subsequent_indent=" " * (indent + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "{\n" + body + "\n" + " " * indent + "}"


def comment(lines: Sequence[str], indent: int = 0) -> str:
    """Paragraphs as one block comment, filled; an empty string is an empty line.

    A closing mark inside the text is broken up.
    """
    prefix = " " * indent
    out: list[str] = []
    for line in lines:
        text = line.replace("*/", "* /")
        lead = len(text) - len(text.lstrip())
        if not text:
            out.append("")
        else:
            out += textwrap.wrap(
                text,
                WIDTH - indent - 3,
                subsequent_indent=" " * lead,
                break_long_words=False,
                break_on_hyphens=False,
            )
    if len(out) == 1 and len(out[0]) + indent + 6 <= WIDTH:
        return f"{prefix}/* {out[0]} */"
    body = "".join(f"\n{prefix} *{' ' + text if text else ''}" for text in out[1:])
    return f"{prefix}/* {out[0]}{body} */"
