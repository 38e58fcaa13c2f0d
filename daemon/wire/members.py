"""Strict decoding: bytes to plain objects, plain objects to typed payloads, errors that name the member."""

from __future__ import annotations

import difflib
import json
import math
import re
import types
import typing
from typing import Any, TypeVar

import msgspec

from daemon.errors import InvalidMember, MalformedBody

T = TypeVar("T")

#: Deepest nesting of arrays and objects in a body.
MAX_DEPTH = 16

_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_TAG = re.compile(r"^Invalid value '(?P<value>.*)'$", re.DOTALL)
_ENUM = re.compile(r"^Invalid enum value '?(?P<value>.*?)'?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$", re.DOTALL)
#: A whole string, or one that never ends, so that no character is looked at twice; or a bracket.
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
#: One step on the way to a member: its name, or a place in a list.
_STEP = re.compile(r"[^.\[\]]+|\[[^\]]*\]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def decode_json(payload: bytes) -> dict[str, Any]:
    """Decode a body: one JSON object in UTF-8, without duplicate keys, NaN, Infinity or deep nesting.

    Parameters
    ----------
    payload : bytes
        The body as received.

    Returns
    -------
    dict
        Its members; a number without a fraction is an int, however it was written.

    Raises
    ------
    MalformedBody
        The body is not such an object.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the body is not UTF-8 at byte {error.start}") from error
    _check_depth(text)
    try:
        body = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_parse_number,
            parse_int=_parse_int,
        )
        if _SURROGATE.search(text):
            _check_characters(body)
    except ValueError as error:
        raise MalformedBody(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise MalformedBody("the body is not a JSON object: put its members in { }")
    return body


def convert(body: object, type_: type[T]) -> T:
    """Turn plain objects into a typed payload.

    Parameters
    ----------
    body : object
        What a body was read to; bytes may stand for themselves or, in JSON, be base64.
    type_ : type
        A msgspec type that forbids unknown fields.

    Raises
    ------
    InvalidMember
        A member is unknown (the nearest known name is said), missing, mistyped or out of range.
    """
    try:
        return msgspec.convert(body, type_)
    except msgspec.ValidationError as error:
        message, _, path = str(error).rpartition(" - at `")
        if not message:
            message, path = str(error), "$`"
        place = path[:-1].removeprefix("key` in `").removeprefix("$").removeprefix(".")
        told = _with_key(body, type_, place) if "[...]" in place else place
        if unknown := _UNKNOWN.match(message):
            hint = _nearest(unknown["name"], place, _tagged(body, type_))
            raise InvalidMember(_join(told, unknown["name"]), f"unknown member{hint}") from None
        if missing := _MISSING.match(message):
            raise InvalidMember(_join(told, missing["name"]), "is required and missing") from None
        if tag := _TAG.match(message):
            raise _unknown_value(told, tag["value"], _known_tags(type_, place)) from None
        if enum := _ENUM.match(message):
            raise _unknown_value(told, enum["value"], _known_values(type_, place)) from None
        raise InvalidMember(told, message[0].lower() + message[1:]) from None


def given(payload: msgspec.Struct) -> dict[str, Any]:
    """The members of a payload that were given, as plain objects; so it is stored and shown again."""
    found: dict[str, Any] = _without_nulls(msgspec.to_builtins(payload))
    return found


def known_members(type_: Any, place: str = "") -> list[str]:
    """Names that an object at `place` of `type_` may have, as they are written on the wire."""
    return [
        field.encode_name
        for struct in _alternatives(_type_at(type_, place))
        if isinstance(struct, type) and issubclass(struct, msgspec.Struct)
        for field in msgspec.structs.fields(struct)
    ]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value


def _known_tags(type_: Any, place: str) -> list[str]:
    """Values of a member that says which of several types an object at the top has."""
    return [
        str(struct.__struct_config__.tag)
        for struct in _alternatives(type_)
        if struct.__struct_config__.tag_field == place
    ]


def _known_values(type_: Any, place: str) -> list[str]:
    """Values that a member at `place` may have, where they can be listed."""
    return [
        str(value)
        for candidate in _alternatives(_type_at(type_, place))
        if typing.get_origin(candidate) is typing.Literal
        for value in typing.get_args(candidate)
    ]


def _unknown_value(place: str, value: str, known: list[str]) -> InvalidMember:
    close = difflib.get_close_matches(value, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    return InvalidMember(place, f"{value[:64]!r} is unknown, {hint}")


def _with_key(body: Any, type_: Any, place: str) -> str:
    """The place with the key that is at fault, where msgspec only says that it is one of an object's."""
    before, _, after = place.partition("[...]")
    for step in re.findall(_STEP, before):
        body = body[int(step[1:-1])] if step.startswith("[") else body[step]
    wanted = _type_at(type_, before)
    for key, value in body.items():
        try:
            msgspec.convert({key: value}, wanted)
        except msgspec.ValidationError:
            return f"{_join(before, key)}{after}"
    return place


def _type_at(type_: Any, place: str) -> Any:
    for step in re.findall(_STEP, place):
        type_ = _step_into(type_, step)
    return type_


def _tagged(body: object, type_: Any) -> Any:
    """The one of several types that an object says it has; all of them where it does not say."""
    for struct in _alternatives(type_):
        config = getattr(struct, "__struct_config__", None)
        if config is None or config.tag_field is None or not isinstance(body, dict):
            continue
        if body.get(config.tag_field) == config.tag:
            return struct
    return type_


def _nearest(name: str, place: str, type_: Any) -> str:
    names = known_members(type_, place)
    lowered = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    if close:
        return f", did you mean {lowered[close[0]]}?"
    return f"; known are {', '.join(names)}" if names else "; none is expected here"


def _step_into(type_: Any, step: str) -> Any:
    for candidate in _alternatives(type_):
        arguments = typing.get_args(candidate)
        if step.startswith("[") and arguments:
            return arguments[-1]
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            for field in msgspec.structs.fields(candidate):
                if field.encode_name == step:
                    return field.type
    return object


def _alternatives(type_: Any) -> tuple[Any, ...]:
    if typing.get_origin(type_) in (types.UnionType, typing.Union):
        return tuple(found for member in typing.get_args(type_) for found in _alternatives(member))
    if typing.get_origin(type_) is typing.Annotated:
        return _alternatives(typing.get_args(type_)[0])
    return (type_,)


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the parser recurses; brackets inside strings do not count."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedBody(
                    f"the body nests deeper than {MAX_DEPTH} levels at character {match.start()}"
                )
        elif bracket in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without the members that are null: null means unset."""
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise MalformedBody(f"{name}: the member is given twice")
            seen.add(name)
    return {name: value for name, value in pairs if value is not None}


def _refuse_constant(name: str) -> Any:
    raise MalformedBody(f"{name} is not a JSON number")


def _parse_number(text: str) -> float | int:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedBody(f"{text[:32]} is beyond the range of a float64")
    # 32.0 is an integer where one is asked for; floats take ints in any case.
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _parse_int(text: str) -> float | int:
    # Beyond 2**53 a float64 is not exact any more: the seeds of other systems are.
    if len(text) <= 20 and -(2**63) <= int(text) < 2**63:
        return int(text)
    return _parse_number(text)


def _check_characters(body: object) -> None:
    """Refuse half a surrogate pair: it is no character, and nothing can be written with it."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        escaped = error.object[error.start : error.start + 1].encode("unicode_escape").decode()
        raise MalformedBody(f"{escaped} is half of a surrogate pair: it stands for no character") from None
