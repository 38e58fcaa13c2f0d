"""Requests about model versions."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

#: Largest part of a file in one reply, in bytes.
MAX_CHUNK = 64 * 1024


class FileRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a file: `length` bytes from `offset` on."""

    offset: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0
    length: Annotated[int, Meta(ge=0, le=MAX_CHUNK)] = MAX_CHUNK


class RollbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version becomes the current one; the one before it where left out."""

    version: Annotated[int, Meta(ge=1)] | None = None
