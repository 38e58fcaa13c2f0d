"""Requests about model versions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

#: Largest part of a file in one reply, in bytes.
MAX_CHUNK = 64 * 1024

#: What may be asked for: type to format of the exporter. ``zip`` is Edge Impulse's word.
BUILD_TYPES = {
    "zip": "cmake",
    "cmake": "cmake",
    "arduino": "arduino",
    "esp-idf": "esp-idf",
    "zephyr": "zephyr",
    "c": "c",
    "tflm": "tflm",
}

#: The type whose package is for an interpreter; all others hold generated code.
INTERPRETED = "tflm"


class FileRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a file: `length` bytes from `offset` on."""

    offset: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    length: Annotated[int, Meta(ge=0, le=MAX_CHUNK)] = MAX_CHUNK


class BuildRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a version's int8 model is packaged for; members of Edge Impulse's deployments, and `learn_id`.

    Parameters
    ----------
    type : str
        ``zip`` or ``cmake``, ``arduino``, ``esp-idf``, ``zephyr``, ``c``, ``tflm``.
    engine : str or None
        ``tflite-eon`` for generated code, ``tflite`` for an interpreter; the one that fits where left out.
    model_type : str or None
        ``int8``, also where left out.
    learn_id : int or None
        Whose current version; may be left out where the project has one trained model.
    parameters : any
        Of custom deployments: reported as ignored.
    """

    type: str
    engine: str | None = None
    model_type: str | None = None
    learn_id: Annotated[int, Meta(ge=1)] | None = None
    parameters: Any = None


class DeployRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a version's model goes: a target or a group of them; the current version where left out."""

    target: Annotated[str, Meta(max_length=64)]
    version: Annotated[int, Meta(ge=1)] | None = None


class RollbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version becomes the current one; the one before it where left out."""

    version: Annotated[int, Meta(ge=1)] | None = None
