"""Impulses: input block, DSP blocks, learn blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daemon.data.index import IMAGE
from daemon.dsp.outputs import learn_block_window
from daemon.dsp.table import DSP_TYPES
from daemon.errors import DatasetError, InvalidMember
from daemon.handlers.services import Call, Services
from daemon.trainers.table import LEARNERS
from daemon.wire.edge_impulse import Impulse, LearnBlock
from daemon.wire.members import given
from firmware_export.errors import NameRefused
from firmware_export.naming import identifier

#: Id of a project's one impulse.
IMPULSE_ID = 1


def get(services: Services, call: Call) -> dict[str, Any]:
    """The impulse of a project."""
    return {"id": IMPULSE_ID, "impulse": services.projects.impulse(call.project_id)}


def post(services: Services, call: Call) -> dict[str, Any]:
    """Define the impulse of a project."""
    impulse: Impulse = call.body
    _check_ids(impulse)
    (source,) = impulse.input_blocks
    if source.type == IMAGE and (source.image_width is None or source.image_height is None):
        raise InvalidMember("inputBlocks[0].imageWidth", "images need imageWidth and imageHeight")
    names: list[str] = []
    for number, block in enumerate(impulse.learn_blocks):
        _check_learn_block(block, f"learnBlocks[{number}]")
        try:
            learn_block_window(impulse, block)
        except DatasetError as error:
            raise InvalidMember("", error.message) from None
        try:
            names.append(identifier(block.name, names))
        except NameRefused as error:
            raise InvalidMember(f"learnBlocks[{number}].name", error.message) from None
    stored = given(impulse)
    services.projects.set_impulse(call.project_id, stored)
    return {"id": IMPULSE_ID, "impulse": stored}


def _check_ids(impulse: Impulse) -> None:
    seen: dict[int, str] = {}
    ids = {
        "inputBlocks": [block.id for block in impulse.input_blocks],
        "dspBlocks": [block.id for block in impulse.dsp_blocks],
        "learnBlocks": [block.id for block in impulse.learn_blocks],
    }
    for kind, numbers in ids.items():
        for position, number in enumerate(numbers):
            place = f"{kind}[{position}]"
            if number in seen:
                raise InvalidMember(f"{place}.id", f"{number} is the id of {seen[number]} too")
            seen[number] = place
    for number, dsp in enumerate(impulse.dsp_blocks):
        if dsp.type not in DSP_TYPES:
            raise InvalidMember(
                f"dspBlocks[{number}].type", f"{dsp.type!r} is unknown; known are {_list(DSP_TYPES)}"
            )


def _check_learn_block(block: LearnBlock, place: str) -> None:
    if block.type not in LEARNERS:
        raise InvalidMember(f"{place}.type", f"{block.type!r} is unknown here; known are {_list(LEARNERS)}")
    options = LEARNERS[block.type].options
    for name in ("scaling", "score"):
        if getattr(block, name) is not None and name not in options:
            raise InvalidMember(f"{place}.{name}", f"a block of type {block.type!r} has no {name}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
