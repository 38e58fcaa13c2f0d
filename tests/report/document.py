"""A report as a reader's program sees it: elements, texts, tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

#: HTML elements that have no end.
_EMPTY = {"meta"}


@dataclass
class Node:
    """An element with what it holds, in order."""

    tag: str
    attributes: dict[str, str]
    content: list[Node | str] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """The element itself and all below it."""
        yield self
        for part in self.content:
            if isinstance(part, Node):
                yield from part.walk()

    def all(self, tag: str) -> list[Node]:
        """All elements of a name below this one."""
        return [node for node in self.walk() if node.tag == tag]

    def one(self, name: str) -> Node:
        """The element with this id."""
        (found,) = [node for node in self.walk() if node.attributes.get("id") == name]
        return found

    @property
    def text(self) -> str:
        """All text in it, without style and titles of pictures."""
        parts = [part if isinstance(part, str) else part.text for part in self.content]
        return "" if self.tag in {"style", "title"} else "".join(parts)

    @property
    def classes(self) -> list[str]:
        """Its classes."""
        return self.attributes.get("class", "").split()


class _Parser(HTMLParser):
    """Builds nodes and fails where an element is not closed or closed twice."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].content.append(node)
        if tag not in _EMPTY:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> inside <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def parse(text: str) -> Node:
    """The document; every element must be closed in its turn."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    assert parser.open == [parser.root], [node.tag for node in parser.open]
    return parser.root


def table(root: Node, caption: str) -> list[list[str]]:
    """The cells of the table whose caption begins so, row by row, without its head."""
    (found,) = [node for node in root.all("table") if node.all("caption")[0].text.startswith(caption)]
    (body,) = found.all("tbody")
    return [[cell.text for cell in row.content if isinstance(cell, Node)] for row in body.all("tr")]
