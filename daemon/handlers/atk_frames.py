"""ATK's frames: make, append, read, delete."""

from __future__ import annotations

from typing import Any

from daemon.data.frames import FrameColumn
from daemon.errors import InvalidMember
from daemon.handlers.services import Call, Services

#: Most values of one reply, so that a broker takes it.
_MAX_VALUES = 10_000


def create(services: Services, call: Call) -> dict[str, Any]:
    """Make a frame with its first rows."""
    columns = [FrameColumn(name, type_) for name, type_ in call.body.schema]
    frame = services.frames.create(services.frames.new_id(), call.body.name, columns)
    return services.frames.append(frame, call.body.rows).shown()


def append(services: Services, call: Call) -> dict[str, Any]:
    """Add rows at the end of a frame."""
    frame = services.frames.get(call.ids["id"])
    return services.frames.append(frame, call.body.rows).shown()


def get(services: Services, call: Call) -> dict[str, Any]:
    """A frame, with the rows that are asked for."""
    frame = services.frames.get(call.ids["id"])
    if call.body.count == 0:
        return frame.shown()
    most = max(_MAX_VALUES // len(frame.columns), 1)
    if call.body.count > most:
        raise InvalidMember(
            "count",
            f"{call.body.count} rows of {len(frame.columns)} columns are too many for a reply: "
            f"ask for at most {most}",
        )
    rows = services.frames.rows(frame, call.body.offset, call.body.count)
    return {**frame.shown(), "offset": call.body.offset, "rows": rows}


def list_all(services: Services, call: Call) -> list[dict[str, Any]]:
    """Frames, oldest first."""
    return [
        {"id": frame.id, "name": frame.name, "url": f"v1/frames/{frame.id}"}
        for frame in services.frames.page(call.body.offset, call.body.count)
    ]


def delete(services: Services, call: Call) -> dict[str, Any]:
    """Delete a frame; a command that has not read it yet fails."""
    frame = services.frames.get(call.ids["id"])
    services.frames.delete(frame.id)
    return {**frame.shown(), "status": "Deleted"}
