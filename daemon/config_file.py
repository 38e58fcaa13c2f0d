"""The configuration file: read, checked to its end, every mistake told with its line.

Unknown keys are refused with the nearest known name. What is wrong is taken out and the rest looked at
again, so that all mistakes are told at once.
"""

from __future__ import annotations

import copy
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from daemon.config import Config
from daemon.errors import ConfigError, InvalidMember
from daemon.topics import DEVICE_ID, RESERVED_IDS
from daemon.wire.members import convert

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: What the kernel takes for the path of a socket, in bytes.
_LONGEST_SOCKET = 107
_PROJECT_ID = re.compile(r"[1-9][0-9]{0,15}")
_TARGET = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PORT = re.compile(r"/|socket://|rfc2217://")
#: Stands for a key that is required, once its absence or its mistake has been told.
_STAND_INS: dict[str, Any] = {
    "device": {"id": "device"},
    "device.id": "device",
    "mqtt": {"host": "localhost"},
    "mqtt.host": "localhost",
}


def load(path: Path) -> Config:
    """Read and check a configuration file.

    Parameters
    ----------
    path : Path
        The TOML file.

    Raises
    ------
    ConfigError
        The file cannot be read, or something in it is wrong; the message names line and key of every
        mistake, one a line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(str(path), None, "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), None, f"cannot be read: {error}") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        raise ConfigError(str(path), int(found[1]) if found else None, f"not TOML: {error}") from error
    config, mistakes = _convert(tables)
    if config is not None:
        mistakes += [(place, f"{place}: {problem}") for place, problem in _contradictions(config)]
    if config is None or mistakes:
        raise _all_told(path, text, mistakes)
    return config


def mistakes_in(path: Path, problems: Sequence[tuple[str, str]]) -> ConfigError:
    """What is wrong in a file that has been read: key and problem of each mistake, told with its line."""
    told = [(place, f"{place}: {problem}") for place, problem in problems]
    return _all_told(path, path.read_text(encoding="utf-8"), told)


def _all_told(path: Path, text: str, mistakes: Sequence[tuple[str, str]]) -> ConfigError:
    told = [ConfigError(str(path), _line_of(text, place), problem) for place, problem in mistakes]
    told.sort(key=lambda mistake: mistake.line or 0)
    return ConfigError(told[0].path, told[0].line, told[0].problem, told[1:])


def _convert(tables: dict[str, Any]) -> tuple[Config | None, list[tuple[str, str]]]:
    """The typed configuration, and what is wrong with it: key and message. None where no rest is left."""
    rest = copy.deepcopy(tables)
    mistakes: list[tuple[str, str]] = []
    told: set[str] = set()
    while True:
        try:
            return convert(rest, Config), mistakes
        except InvalidMember as error:
            # A required key that is misspelt or mistyped is not missing, too.
            if not (error.place in told and error.message.endswith(": is required and missing")):
                mistakes.append((error.place, error.message))
            told.add(error.place)
            if meant := re.search(r", did you mean (\w+)\?$", error.message):
                told.add(".".join((*error.place.split(".")[:-1], meant[1])))
            if not _take_out(rest, error.place):
                return None, mistakes


def _take_out(tables: dict[str, Any], place: str) -> bool:
    """Remove the key at a place, or put something right in its stead; False where it is not to be found.

    What lacks a key that is required is removed itself.
    """
    *sections, key = re.sub(r"\[[^\]]*\]", "", place).split(".")
    table: Any = tables
    for section in sections:
        table = table.get(section) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return False
    stand_in = _STAND_INS.get(place)
    if stand_in is None:
        return table.pop(key, None) is not None or (bool(sections) and _take_out(tables, ".".join(sections)))
    if table.get(key) == stand_in:
        return False
    table[key] = copy.deepcopy(stand_in)
    return True


def _contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """What single types cannot say: the key that is wrong, and what would be right."""
    if not DEVICE_ID.fullmatch(config.device.id):
        yield "device.id", "is 1 to 64 letters, digits, _ or -"
    if config.device.id in RESERVED_IDS:
        yield "device.id", f"{config.device.id} is reserved"
    if len(set(config.device.groups)) < len(config.device.groups):
        yield "device.groups", "names a group twice"
    if config.mqtt.base_topic.endswith("/"):
        yield "mqtt.base_topic", "ends with /: leave that out"
    tls = config.mqtt.tls
    if tls is not None and (tls.cert_file is None) != (tls.key_file is None):
        yield "mqtt.tls", "cert_file and key_file go together"
    if config.mqtt.password_file is not None and config.mqtt.username is None:
        yield "mqtt.password_file", "needs mqtt.username"
    if config.keras.scripts is not None and config.auth.keys_file is None:
        yield "keras.expert.enabled", "needs auth.keys_file: a script must be signed, and nobody could"
    if config.auth.required and config.auth.keys_file is None:
        yield "auth.required", "needs auth.keys_file: without keys nobody can sign"
    yield from _contradictions_of_data(config)
    yield from _contradictions_of_targets(config)
    if len(os.fsencode(config.socket_path)) > _LONGEST_SOCKET:
        yield "runtime_dir", f"is too long: {config.socket_path} has more than {_LONGEST_SOCKET} bytes"


def _contradictions_of_data(config: Config) -> Iterator[tuple[str, str]]:
    for project, data in (config.data.projects or {}).items():
        if not _PROJECT_ID.fullmatch(project):
            yield f"data.projects.{project}", "is no project: ids are whole numbers from 1"
        if data.key_file is not None and config.auth.requires("data") and config.mqtt.version != 5:
            yield (
                f"data.projects.{project}.key_file",
                "needs mqtt.version 5 where auth.required has data: a signed recording has auth beside it",
            )


def _contradictions_of_targets(config: Config) -> Iterator[tuple[str, str]]:
    if len(os.fsencode(config.deploy.socket or "")) > _LONGEST_SOCKET:
        yield "deploy.socket", f"is too long: a socket's path has at most {_LONGEST_SOCKET} bytes"
    targets = config.targets or {}
    groups = {group for target in targets.values() for group in target.groups}
    holders: dict[str, str] = {}
    for name, target in targets.items():
        place = f"targets.{name}"
        if not _TARGET.fullmatch(name):
            yield place, "is no name of a target: take 1 to 64 letters, digits, _ or -"
        if name in groups:
            yield place, "is the name of a group of targets, too: give one of them another"
        if not _PORT.match(target.port):
            yield (
                f"{place}.port",
                "is neither a device file such as /dev/serial/by-id/..., nor socket:// or rfc2217://",
            )
        for key, port in (("port", target.port), ("programmer", target.programmer)):
            # One device may have several names.
            known_as = os.path.realpath(port) if port is not None and port.startswith("/") else port
            if known_as is not None and (holder := holders.setdefault(known_as, name)) != name:
                yield f"{place}.{key}", f"is a port of target {holder}, too: two targets never share one"
        if target.method == "slot" and (target.application or target.build):
            yield f"{place}.method", "is slot: then no firmware is built, leave application and build out"


def _line_of(text: str, place: str) -> int | None:
    """Line of a key such as ``mqtt.port`` in a TOML text, 1-based; of its table where the key is missing."""
    steps = re.sub(r"\[[^\]]*\]", "", place).split(".")
    table: list[str] = []
    best: tuple[int, int | None] = (0, None)
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            table = [part.strip().strip("\"'") for part in header[1].split(".")]
            here = table
        elif key := re.match(r"\s*([A-Za-z0-9_\-.\"']+)\s*=", line):
            here = table + [part.strip("\"'") for part in key[1].split(".")]
        else:
            continue
        if here == steps[: len(here)] and len(here) > best[0]:
            best = (len(here), number)
    return best[1]
