"""The one way to write a JSON value, so that a signature over it holds whoever wrote it (RFC 8785).

No blanks, members sorted by the UTF-16 code units of their names, strings with the fewest escapes,
numbers as ECMAScript writes float64.
"""

from __future__ import annotations

import base64
import json

from daemon.errors import MalformedBody


def canonical_json(value: object) -> bytes:
    r"""Write a JSON value in its canonical form.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, or lists and dicts of these; bytes, which only a binary encoding
        carries, are written as their base64.

    Returns
    -------
    bytes
        UTF-8.

    Raises
    ------
    MalformedBody
        An integer is no float64: two of them would look the same.

    Examples
    --------
    >>> canonical_json({"b": [1.0, 0.00000010, "\n"], "a": None})
    b'{"a":null,"b":[1,1e-7,"\\n"]}'
    """
    return _write(value).encode()


def _write(value: object) -> str:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_text(name)}:{_write(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return _text(base64.b64encode(value).decode())
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        if int(float(value)) != value:
            raise MalformedBody(f"{value} is not exact as a float64: it cannot be signed")
        return _number(float(value))
    if isinstance(value, float):
        return _number(value)
    raise TypeError(f"{type(value).__name__} is not of JSON")


def _text(text: str) -> str:
    # Python escapes what RFC 8785 escapes, and as it does.
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """ECMAScript's Number::toString; Python's shortest digits are the same, only set differently."""
    if value == 0:
        return "0"
    mantissa, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.digits x 10**point.
    point = len(whole) + int(power or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    sign = "-" if value < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    dot = "." if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{dot}{digits[1:]}e{point - 1:+d}"
