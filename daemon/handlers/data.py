"""Data: acquisition objects in, listings out."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from daemon import signatures
from daemon.data.index import Column, Recording, pack
from daemon.errors import InvalidMember
from daemon.handlers.services import Call, Services
from daemon.wire.attachment import as_float32, is_reference
from daemon.wire.edge_impulse import Acquisition, AcquisitionPayload


def add(services: Services, call: Call) -> dict[str, Any]:
    """Store an acquisition object; the category is in the path."""
    signature = signatures.check(
        services.config.data, call.project_id, call.body, call.received, needed=not call.local
    )
    recording = to_recording(call.body, signature)
    services.projects.appear(call.project_id)
    sample_id = services.data.add(call.project_id, call.name, recording)
    services.quota.hold(call.project_id, call.name, sample_id)
    return {"sampleId": sample_id}


def list_samples(services: Services, call: Call) -> dict[str, Any]:
    """Samples of a category, without their values."""
    total, samples = services.data.samples(
        call.project_id, call.body.category, call.body.offset, call.body.limit
    )
    return {"totalCount": total, "samples": samples}


def to_recording(body: Acquisition, signature: Literal["valid", "unchecked"] | None = None) -> Recording:
    """What an acquisition object holds.

    Parameters
    ----------
    body : Acquisition
        The object.
    signature : str or None
        Whether it was signed (`daemon.signatures.check`).

    Raises
    ------
    InvalidMember
        Sensors, values and labels do not fit together.
    """
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
        signature=signature,
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
        return _whole_rows("payload.values_base64", payload.values_base64, width)
    assert not isinstance(payload.values, UnsetType)
    if not payload.values:
        raise InvalidMember("payload.values", "is empty: send at least one row")
    if is_reference(payload.values):
        return _whole_rows("payload.values", as_float32(payload.values), width)
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


def _whole_rows(place: str, packed: bytes, width: int) -> bytes:
    if not packed or len(packed) % (4 * width):
        raise InvalidMember(
            place, f"holds {len(packed) // 4} numbers, which are no rows of {width}: send whole rows"
        )
    return packed
