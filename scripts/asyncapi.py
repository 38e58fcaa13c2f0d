"""Write ``docs/asyncapi.json``: the MQTT API as an AsyncAPI 3 document, made of what validates.

``python -m scripts.asyncapi`` writes it, with ``--check`` it only says whether the file is up to date.
Routes come from the one table, bodies from the types that it names, topics from `daemon.topics`, codes from
the tree of errors.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from daemon import __version__
from daemon.config import Mqtt
from daemon.errors import ConfigError, JobError, StateError, TrainerdError
from daemon.intake import MAX_ID
from daemon.mqtt_link import PACKET_SLACK
from daemon.presence import PresenceInfo
from daemon.routes import ROUTES, Route
from daemon.topics import Topics
from daemon.wire.events import EVENTS
from daemon.wire.jobs import JobInfo, ProgressInfo
from daemon.wire.replies import family
from daemon.wire.signed import Auth

FILE = Path(__file__).resolve().parents[1] / "docs" / "asyncapi.json"

_TOPICS = Topics("{base}", "{device}", ("{group}",))
_SCHEMAS = "#/components/schemas/"
#: The bindings of MQTT have versions of their own.
_BINDING_VERSION = "0.2.0"

_PARAMETERS = {
    "base": {"description": "`mqtt.base_topic` of the configuration.", "default": "trainerd"},
    "device": {"description": "`device.id` of the configuration.", "examples": ["press-3"]},
    "group": {"description": "One of `device.groups` of the configuration.", "examples": ["line-1"]},
    "projectId": {"description": "A project; 0 is that of ATK.", "examples": ["1"]},
    "sampleId": {"description": "A sample of the project.", "examples": ["2"]},
    "learnId": {"description": "A learn block of the project's impulse.", "examples": ["7"]},
    "impulseId": {"description": "An impulse: a project has the one with id 1.", "examples": ["1"]},
    "jobId": {"description": "A job.", "examples": ["17640932901"]},
    "version": {"description": "A version of a model.", "examples": ["1"]},
    "category": {"description": "What data is for.", "enum": ["training", "testing", "anomaly"]},
    "name": {"description": "A file of a version.", "examples": ["manifest.json", "c/press.c"]},
    "id": {"description": "A command, frame or model of ATK.", "examples": ["1"]},
    "kind": {"description": "What has happened.", "enum": sorted(EVENTS)},
}


class LogData(msgspec.Struct, rename="camel"):
    """A line that a running job has written."""

    data: str
    log_level: str


class Finished(msgspec.Struct):
    """A job has ended."""

    success: bool


class LiveResult(msgspec.Struct, omit_defaults=True):
    """What a model answers to one row, by its kind; bare outputs of a version that is not kept."""

    row: int
    score: float | None = None
    anomaly: bool | None = None
    classification: dict[str, float] | None = None
    values: list[float] | None = None
    outputs: list[int] | None = None


class LiveResults(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a model answers on a board."""

    target: str
    version: int
    interval_ms: int
    results: list[LiveResult]
    skipped: int
    threshold: float | None = None


@dataclass(frozen=True)
class Published:
    """Something that a device tells of itself.

    Parameters
    ----------
    name : str
        Names it in the document.
    topic : str
        Where.
    summary : str
        What it says.
    payload : type
        How; a dict where its members depend on what is told.
    retained : bool
        Whether the broker keeps the last one.
    qos : int
        0 where it may be lost.
    """

    name: str
    topic: str
    summary: str
    payload: Any = dict[str, Any]
    retained: bool = False
    qos: int = 1


def _job(leaf: str) -> str:
    return _TOPICS.job(cast("int", "{jobId}"), leaf)


PUBLISHED = (
    Published("state", _TOPICS.state, "Whether the device is online; also its will", PresenceInfo, True),
    Published("capabilities", _TOPICS.capabilities, "What the device can do", retained=True),
    Published("jobStatus", _job("status"), "A job; nothing once it is forgotten", JobInfo, True),
    Published("jobProgress", _job("progress"), "How far a running job is", ProgressInfo, qos=0),
    Published("jobData", _job("data"), "A line that a running job has written", LogData, qos=0),
    Published("jobFinished", _job("finished"), "A job has ended", Finished),
    Published(
        "model",
        _TOPICS.model(cast("int", "{projectId}"), cast("int", "{learnId}")),
        "The version of a model that is in use, in short, and what boards run",
        retained=True,
    ),
    Published(
        "inference",
        _TOPICS.inference(cast("int", "{projectId}"), cast("int", "{learnId}")),
        "What a model answers on a board",
        LiveResults,
        qos=0,
    ),
    Published("event", _TOPICS.event("{kind}"), "Something that an operator should know"),
)


def document() -> dict[str, Any]:
    """The whole document, as JSON has it."""
    types = [*(route.body for route in ROUTES), *(published.payload for published in PUBLISHED), Auth]
    payloads, components = msgspec.json.schema_components(types, ref_template=_SCHEMAS + "{name}")
    schemas = {name: _draft_7(schema) for name, schema in components.items()}
    channels: dict[str, Any] = {"reply": _reply_channel()}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = _reply_messages()
    for route, payload in zip(ROUTES, payloads, strict=False):
        name = _name(route)
        messages[name] = _request(route, _draft_7(payload))
        _add_common_members(payload, schemas)
        for prefix, address in _addresses(route):
            channels[prefix + name] = _channel(address, name)
            operations[prefix + name] = _request_operation(route, prefix + name)
    for published, payload in zip(PUBLISHED, payloads[len(ROUTES) :], strict=False):
        messages[published.name] = _message(published.summary, _draft_7(payload))
        channels[published.name] = _channel(published.topic, published.name)
        operations[published.name] = _publication(published)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "trainerd",
            "version": __version__,
            "description": "Trains models on a device's data and exports them to microcontrollers. "
            "The words to it are in docs/mqtt-api.md. A request may be in CBOR too; so is its reply then.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": _broker()},
        "channels": channels,
        "operations": operations,
        "components": {"schemas": dict(sorted(schemas.items())), "messages": messages},
    }


def _name(route: Route) -> str:
    """Names a route where only letters, digits and dashes may stand."""
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{route.method}/{route.template}").strip("-")


def _addresses(route: Route) -> Iterator[tuple[str, str]]:
    """Where a request may be sent: to the device, and a post to all devices of a group."""
    own, *shared = (topic.removesuffix("/#") for topic in _TOPICS.filters if f"/{route.method}/" in topic)
    yield "", f"{own}/{route.template}"
    for topic in shared:
        yield "group-", f"{topic}/{route.template}"


def _channel(address: str, message: str) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", address)
    return {
        "address": address,
        "parameters": {name: _PARAMETERS.get(name, {}) for name in names},
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


def _message(summary: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "contentType": "application/json", "payload": payload}


def _request(route: Route, payload: dict[str, Any]) -> dict[str, Any]:
    summary = (route.handler.__doc__ or route.template).splitlines()[0].rstrip(".")
    headers = {
        "type": "object",
        "properties": {
            "responseTopic": {
                "type": "string",
                "description": "MQTT 5's Response Topic, under `{base}/reply/`",
            },
            "correlationData": {
                "type": "string",
                "description": "MQTT 5's Correlation Data: the id of the request, copied into its reply",
            },
            "request-id": {
                "type": "string",
                "description": "A user property: the id, where the other is not set",
            },
        },
    }
    return {
        **_message(summary, payload),
        "headers": headers,
        "correlationId": {"location": "$message.header#/correlationData"},
    }


def _request_operation(route: Route, channel: str) -> dict[str, Any]:
    replies = [f"{kind}{_family_name(route.template)}" for kind in ("served", "refused")]
    operation = {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{_name(route)}"}],
        "bindings": {"mqtt": {"qos": 1, "bindingVersion": _BINDING_VERSION}},
        "reply": {
            "address": {"location": "$message.header#/responseTopic"},
            "channel": {"$ref": "#/channels/reply"},
            "messages": [{"$ref": f"#/channels/reply/messages/{name}"} for name in replies],
        },
    }
    # A vendor's member: AsyncAPI has no word for it.
    if route.role is None:
        return operation
    return {**operation, "x-role": route.role if isinstance(route.role, str) else "depends on the body"}


def _publication(published: Published) -> dict[str, Any]:
    binding = {"qos": published.qos, "retain": published.retained, "bindingVersion": _BINDING_VERSION}
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{published.name}"},
        "messages": [{"$ref": f"#/channels/{published.name}/messages/{published.name}"}],
        "bindings": {"mqtt": binding},
    }


def _reply_channel() -> dict[str, Any]:
    return {
        "address": None,
        "description": "The Response Topic of the request. Without one, and always on MQTT 3.1.1, it is "
        "`{base}/{device}/reply/{method}/{path}`, and on MQTT 3.1.1 the payload stands in the member `body` "
        "of an object with `status`, `requestId` and `device`.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _reply_messages()},
    }


def _reply_messages() -> dict[str, Any]:
    """What comes back to a request, by the families of routes."""
    codes = {"type": "string", "enum": sorted({error.code for error in _refusals()})}
    sentence = {"type": "string", "description": "What is wrong, and what would be right"}
    refusal = {
        "type": "object",
        "required": ["message", "code"],
        "properties": {"message": sentence, "code": codes},
    }
    payloads = {
        "served": _object({"success": {"const": True}}),
        "refused": _object({"success": {"const": False}, "error": sentence, "code": codes}),
        "servedAtk": {"type": ["object", "array"]},
        "refusedAtk": _object({"error": refusal}),
    }
    return {name: _reply(name, payload) for name, payload in payloads.items()}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _reply(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    served = name.startswith("served")
    statuses = {200} if served else {error.status for error in _refusals()}
    headers = _object(
        {
            "status": {
                "enum": [str(status) for status in sorted(statuses)],
                "description": "A user property",
            },
            "device": {"type": "string", "description": "A user property"},
        }
    )
    return {
        **_message("The request was served" if served else "The request was refused", payload),
        "headers": headers,
        "correlationId": {"location": "$message.header#/correlationData"},
    }


def _family_name(template: str) -> str:
    return {"v1/": "Atk", "": ""}[family(template).prefix]


def _refusals(of: type[TrainerdError] = TrainerdError) -> Iterator[type[TrainerdError]]:
    """Every error that answers a request."""
    if of not in (ConfigError, StateError, JobError):
        yield of
        for below in of.__subclasses__():
            yield from _refusals(below)


def _broker() -> dict[str, Any]:
    defaults = Mqtt(host="127.0.0.1")
    return {
        "host": "{host}:{port}",
        "protocol": "mqtt",
        "protocolVersion": "5",
        "description": "The broker that the device's configuration names; MQTT 3.1.1 is spoken too.",
        "variables": {
            "host": {"description": "`mqtt.host` of the configuration", "default": defaults.host},
            "port": {"description": "`mqtt.port` of the configuration", "default": str(defaults.port)},
        },
        "bindings": {
            "mqtt": {
                "clientId": "trainerd-{device}",
                "cleanSession": False,
                "keepAlive": defaults.keepalive_s,
                "sessionExpiryInterval": defaults.session_expiry_s,
                "maximumPacketSize": defaults.max_body_bytes + PACKET_SLACK,
                "lastWill": {"topic": _TOPICS.state, "qos": 1, "retain": True, "message": "offline, as JSON"},
                "bindingVersion": _BINDING_VERSION,
            }
        },
    }


def _add_common_members(payload: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Let the bodies of a route have what every body may have."""
    for reference in payload.get("anyOf", [payload]):
        schemas[reference["$ref"].removeprefix(_SCHEMAS)]["properties"] |= {
            "requestId": {"type": "string", "minLength": 1, "maxLength": MAX_ID},
            "auth": {"$ref": f"{_SCHEMAS}Auth"},
        }


def _draft_7(schema: Any) -> Any:
    """A schema in the older words that AsyncAPI takes; docstrings become the members' descriptions."""
    if isinstance(schema, list):
        return [_draft_7(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: _draft_7(part) for name, part in schema.items() if name not in ("discriminator", "prefixItems")
    }
    if "prefixItems" in schema:
        made |= {"items": _draft_7(schema["prefixItems"]), "additionalItems": False}
    if isinstance(schema.get("description"), str) and "properties" in schema:
        made["description"], parameters = _read_docstring(schema["description"])
        for name, text in parameters.items():
            member = made["properties"].get(_camel(name)) or made["properties"].get(name)
            # Nothing may stand beside a reference.
            if member is not None and "$ref" not in member:
                member["description"] = text
    return made


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The first paragraph of a docstring, and what it says of each parameter."""
    first, _, rest = text.partition("\n\n")
    _, _, section = rest.partition("Parameters\n    ----------\n")
    said = {}
    for names, told in re.findall(
        r"^    (\w[\w, ]*?)(?: : .*)?\n((?:        .*(?:\n|$))+)", section, re.MULTILINE
    ):
        for name in names.split(", "):
            said[name] = " ".join(told.split())
    return " ".join(first.split()), said


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def main() -> int:
    """Write the file, or check it; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.asyncapi", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 where it is out of date"
    )
    text = json.dumps(document(), indent=1) + "\n"
    if not parser.parse_args().check:
        FILE.write_text(text)
    elif not FILE.exists() or FILE.read_text() != text:
        sys.stderr.write(f"{FILE.name} is out of date: run make asyncapi\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
