"""The bytes of a model's parameters, as they lie in memory, from the C text that declares and fills them.

What a compiler would make of ``struct <name>_params`` on a little-endian core. The text is ours: structs of
integers, floats, arrays and other such structs, so ordered that nothing lies between two members.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SCALARS = {
    "int8_t": "<b",
    "uint8_t": "<B",
    "int16_t": "<h",
    "uint16_t": "<H",
    "int32_t": "<i",
    "uint32_t": "<I",
    "float": "<f",
}
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_STRUCT = re.compile(r"struct (\w+) \{([^{}]*)\}")
_MEMBER = re.compile(r"(?:struct )?(\w+) ([^;]+);")
_DECLARATOR = re.compile(r"(\w+)(?:\[(\d+)\])?")
_LEAST = "(-2147483647 - 1)"


@dataclass(frozen=True)
class _Type:
    """A scalar (``code``) or a struct (``members``: type name and count of each)."""

    code: str | None
    members: tuple[tuple[str, int | None], ...] = ()


def parameter_bytes(source: str, header: str, name: str) -> bytes:
    """The bytes of a model's parameters.

    Parameters
    ----------
    source, header : str
        The texts of ``<name>.c`` and ``<name>.h``.
    name : str
        The model's identifier.
    """
    plain = _COMMENT.sub("", source)
    found = dict(re.findall(r"^#define (\w+) (\S+)$", _COMMENT.sub("", header), re.MULTILINE))
    declared = _DIRECTIVE.sub("", plain)
    types = {kind: _Type(code) for kind, code in _SCALARS.items()}
    for kind, body in _STRUCT.findall(declared):
        types[kind] = _Type(None, tuple(_members(body)))
    values = _Values(_initializer(declared, name), found)
    written = bytearray()
    _fill(types, f"{name}_params", None, values, written)
    return bytes(written)


def without_parameters(source: str, name: str) -> str:
    """The text of a source without comments and without its parameters' values."""
    plain = _COMMENT.sub("", source)
    start, end = _span(plain, name)
    return plain[:start] + plain[end:]


def _members(body: str) -> Iterator[tuple[str, int | None]]:
    for kind, declarators in _MEMBER.findall(body):
        for _, count in _DECLARATOR.findall(declarators):
            yield kind, int(count) if count else None


def _span(plain: str, name: str) -> tuple[int, int]:
    """Where the braces of the parameters' values begin and end."""
    start = plain.index("{", plain.index(f"struct {name}_params {name}_params = "))
    depth = 0
    for at in range(start, len(plain)):
        depth += {"{": 1, "}": -1}.get(plain[at], 0)
        if depth == 0:
            return start, at + 1
    raise ValueError(f"the values of {name}_params have no end")


def _initializer(plain: str, name: str) -> str:
    start, end = _span(plain, name)
    return plain[start:end].replace(_LEAST, str(-(2**31)))


class _Values:
    """The values of an initializer, one after the other."""

    def __init__(self, text: str, macros: dict[str, str]) -> None:
        self._words = re.findall(r"[{}]|[^\s,{}]+", text)
        self._macros = macros
        self._at = 0

    def take(self, brace: str) -> bool:
        """Step over a brace, if it stands here."""
        if self._words[self._at : self._at + 1] != [brace]:
            return False
        self._at += 1
        return True

    def number(self) -> float:
        """The value here; 0 where the braces end before all is given, as C has it."""
        word = self._words[self._at]
        if word == "}":
            return 0
        self._at += 1
        text = self._macros.get(word, word).strip("()")
        return float(text.rstrip("fF")) if re.search(r"[.en]", text) else int(text.rstrip("uUlL"))


def _fill(types: dict[str, _Type], kind: str, count: int | None, values: _Values, written: bytearray) -> None:
    """Write one object, or an array of them; braces that C allows to be left out may be."""
    if count is not None:
        braced = values.take("{")
        for _ in range(count):
            _fill(types, kind, None, values, written)
        closed = not braced or values.take("}")
    elif (code := types[kind].code) is not None:
        size = struct.calcsize(code)
        if len(written) % size:
            raise ValueError(f"a {kind} would lie at byte {len(written)}: something would lie before it")
        number = values.number()
        written += struct.pack(code, number if kind == "float" else int(number))
        closed = True
    else:
        braced = values.take("{")
        for member, length in types[kind].members:
            _fill(types, member, length, values, written)
        closed = not braced or values.take("}")
    if not closed:
        raise ValueError(f"there are more values than a {kind} has room for")
