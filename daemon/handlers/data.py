"""Data: acquisition objects in, listings out."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from msgspec import UNSET, UnsetType

from daemon.data.index import Column, Recording, pack
from daemon.errors import InvalidMember
from daemon.handlers.services import Call, Services
from daemon.wire.edge_impulse import Acquisition, AcquisitionPayload


def add(services: Services, call: Call) -> dict[str, Any]:
    """Store an acquisition object; the category is in the path."""
    recording = _recording(call.body)
    return {"sampleId": services.data.add(call.project_id, call.name, recording)}


def list_samples(services: Services, call: Call) -> dict[str, Any]:
    """Samples of a category, without their values."""
    total, samples = services.data.samples(
        call.project_id, call.body.category, call.body.offset, call.body.limit
    )
    return {"totalCount": total, "samples": samples}


def _recording(body: Acquisition) -> Recording:
    if body.protected is not None and body.protected.alg != "none":
        raise InvalidMember(
            "protected.alg", f"{body.protected.alg} signatures are not checked yet: send alg none"
        )
    payload = body.payload
    columns = [Column(sensor.name, sensor.units) for sensor in payload.sensors]
    names = [column.name for column in columns]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise InvalidMember(
                f"payload.sensors[{number}].name", f"{name} is already the name of another sensor"
            )
    values = _values(payload, len(columns))
    recording = Recording(
        columns=columns,
        interval_ms=payload.interval_ms,
        values=values,
        name=body.file_name or "",
        label=body.label,
        labels=body.labels,
        metadata=body.metadata,
    )
    if body.labels is not None:
        if payload.interval_ms > 0:
            raise InvalidMember("labels", "are for the rows of a feature table: use label for a time series")
        if len(body.labels) != recording.rows:
            raise InvalidMember(
                "labels", f"are {len(body.labels)} for {recording.rows} rows: give one for each row"
            )
    return recording


def _values(payload: AcquisitionPayload, width: int) -> bytes:
    """The rows as little-endian float32."""
    if (payload.values is UNSET) == (payload.values_base64 is UNSET):
        raise InvalidMember("payload", "give either values or values_base64")
    if not isinstance(payload.values_base64, UnsetType):
        try:
            packed = base64.b64decode(payload.values_base64, validate=True)
        except binascii.Error as error:
            raise InvalidMember("payload.values_base64", f"is not base64: {error}") from None
        if not packed or len(packed) % (4 * width):
            raise InvalidMember(
                "payload.values_base64",
                f"holds {len(packed)} bytes: a row of {width} float32 has {4 * width}",
            )
        return packed
    assert not isinstance(payload.values, UnsetType)
    if not payload.values:
        raise InvalidMember("payload.values", "is empty: send at least one row")
    rows = []
    for number, row in enumerate(payload.values):
        # Edge Impulse allows a flat list where there is one sensor only.
        cells = row if isinstance(row, list) else [row]
        if len(cells) != width:
            raise InvalidMember(f"payload.values[{number}]", f"has {len(cells)} values for {width} sensors")
        for position, cell in enumerate(cells):
            if isinstance(cell, bool) or not isinstance(cell, (int, float)):
                raise InvalidMember(f"payload.values[{number}][{position}]", "is not a number")
        rows.append(cells)
    return pack(rows)
