"""What the handlers of all trainings share: the learn block of a call, and the data that it sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from daemon.data.index import FEATURES, IMAGE, Column, Summary
from daemon.dsp.outputs import learn_block_outputs, learn_block_window
from daemon.errors import Conflict, DatasetError, NotFound, Unavailable
from daemon.handlers.services import Call, Services
from daemon.models.registry import METADATA
from daemon.trainers.table import LEARNERS, LearnerEntry
from daemon.wire.edge_impulse import Impulse, LearnBlock

_Entry = TypeVar("_Entry", bound=LearnerEntry)


@dataclass(frozen=True)
class Training:
    """The training data of a project as one learn block sees it, without the values.

    Parameters
    ----------
    summary : Summary
        What the project holds.
    outputs : list of Column
        The DSP outputs of the block.
    rows : int
        Rows that the windows of all recordings give.
    """

    summary: Summary
    outputs: list[Column]
    rows: int


def learn_block(
    services: Services, call: Call, entries: Mapping[str, _Entry]
) -> tuple[Impulse, LearnBlock, _Entry]:
    """The impulse and the learn block that a call names.

    Parameters
    ----------
    services, call
        As handlers are given them.
    entries : mapping of str to LearnerEntry
        What the route is for, by the type of the block.

    Raises
    ------
    NotFound
        There is no such block, or it is of a type that the route is not for.
    """
    raw = services.projects.learn_block(call.project_id, call.learn_id)
    impulse = msgspec.convert(services.projects.impulse(call.project_id), Impulse)
    block = msgspec.convert(raw, LearnBlock)
    if block.type not in entries:
        family = "keras" if block.type not in LEARNERS or "keras" in block.type else "anomaly"
        raise NotFound(
            f"learn block {block.id} of project {call.project_id} is of type {block.type!r}: "
            f"use the route of the same name with {family} in it"
        )
    return impulse, block, entries[block.type]


def training_data(services: Services, call: Call, impulse: Impulse, block: LearnBlock) -> Training:
    """The data that a training would be made of.

    Raises
    ------
    Conflict
        There is none, or the impulse does not fit it.
    """
    summary = services.data.summary(call.project_id)
    if summary.kind is None:
        raise Conflict(f"project {call.project_id} has no training data: import some first")
    kind = impulse.input_blocks[0].type
    wanted = FEATURES if kind == IMAGE else kind
    if summary.kind != wanted:
        raise Conflict(f"project {call.project_id} holds {summary.kind} data, its impulse takes {wanted}")
    try:
        outputs = learn_block_outputs(impulse, block, summary.columns)
        window = learn_block_window(impulse, block)
    except DatasetError as error:
        raise Conflict(error.message) from None
    rows = sum(max((length - window.size) // window.step + 1, 0) for length, _ in summary.recordings)
    return Training(summary, outputs, rows)


def check_available(entry: LearnerEntry) -> None:
    """Refuse what this machine cannot train."""
    if (why := entry.missing()) is not None:
        raise Unavailable(f"{entry.name} cannot be trained here: {why}")


def version_metadata(services: Services, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest of the version in use, and what its ``metadata.json`` says."""
    manifest = services.registry.current_manifest(call.project_id, call.learn_id)
    version = manifest["version"]
    content = services.registry.content(call.project_id, call.learn_id, version, METADATA)
    found: dict[str, Any] = msgspec.json.decode(content)
    return manifest, found
