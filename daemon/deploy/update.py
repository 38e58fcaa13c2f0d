"""A model into a slot of a board: right there and confirmed, or not at all.

Each step may be cut off and the whole begun again: it finds out how far it had come.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from daemon.deploy.board_session import BoardSession
from daemon.errors import (
    ArchitectureMismatch,
    BoardRefused,
    BoardUnreachable,
    DeployError,
    ModelTooLarge,
    VerifyFailed,
)
from daemon.wire.deploy import BoardInfo
from daemon.wire.worker import Log, Progress
from firmware_export.blob import Blob
from firmware_export.packed import pack

#: The last number that a board can count to; none is above it.
_LAST_SEQUENCE = 2**32 - 1

#: Where a model lies, by the number of its slot in a list of images.
_SOURCES: dict[object, Literal["slot0", "slot1", "factory"]] = {0: "slot0", 1: "slot1", 2: "factory"}


@dataclass(frozen=True)
class Updated:
    """What an update did.

    Parameters
    ----------
    info : BoardInfo
        What the board says of itself now.
    vectors : int
        Test vectors that it computed right.
    sent : int
        Bytes that were sent; 0 where the model was there already.
    seconds : float
        How long it took.
    """

    info: BoardInfo
    vectors: int
    sent: int
    seconds: float


def update_slot(
    session: BoardSession,
    blob: Blob,
    sign: Callable[[bytes], bytes],
    hear: Callable[[Progress | Log], None],
) -> Updated:
    """Put a model into the idle slot of a board, verify it there, confirm it.

    Parameters
    ----------
    session : BoardSession
        The board.
    blob : Blob
        The model; its sequence is chosen here.
    sign : callable
        Signs with the key that the board's firmware trusts.
    hear : callable
        Told of progress and of what is worth a line in the log; what it raises stops the update, and the
        model that was confirmed before runs on.

    Raises
    ------
    ArchitectureMismatch
        The board's firmware holds models of another shape; nothing was sent.
    ModelTooLarge
        Its slots are smaller; nothing was sent.
    BoardRefused, BoardUnreachable, VerifyFailed
        The update did not come to its end. The model that was confirmed before runs, or will from the next
        reset on.
    """
    began = time.monotonic()
    hear(Progress("flash", 0.0))
    info = session.info()
    check_fits(info, blob)
    sent = 0
    if info.sequence >= _LAST_SEQUENCE:
        raise BoardRefused("the board has taken its last sequence number: erase it, and deploy as firmware")
    following = blob.with_sequence(info.sequence + 1)
    in_use = following.digest()
    if runs(info, blob):
        in_use = bytes.fromhex(info.digest)
        hear(Log("info", f"version {blob.version} runs on the board already"))
    elif bytes.fromhex(info.digest) != in_use:
        signed = following.signed(sign)
        travelling = pack(signed)
        packed = f", packed to {len(travelling)}" if len(travelling) < len(signed) else ""
        hear(Log("info", f"sends {len(signed)} bytes{packed}, sequence {following.sequence}"))
        sent = session.upload(travelling, lambda share: hear(Progress("flash", share)))
        session.test(in_use)
    hear(Progress("verify", 0.0))
    try:
        vectors = verify(session, info, blob)
        hear(Progress("verify", 0.9))
        if sent or not info.confirmed:
            info = _confirmed(session.confirm(in_use), info, blob, in_use)
    except DeployError:
        if sent or not info.confirmed:
            _go_back(session)
        raise
    hear(Progress("verify", 1.0))
    return Updated(info, vectors, sent, time.monotonic() - began)


def _confirmed(images: list[dict[str, Any]], info: BoardInfo, blob: Blob, digest: bytes) -> BoardInfo:
    """What the board says of itself, from its answer to the confirmation: asking once more costs time."""
    active = next((image for image in images if image.get("active") is True), {})
    slot = active.get("slot")
    known = isinstance(slot, int) and slot in _SOURCES
    if active.get("hash") != digest or active.get("confirmed") is not True or not known:
        raise VerifyFailed("the board does not say that it runs the model that was sent: deploy again")
    return msgspec.structs.replace(
        info,
        digest=digest.hex(),
        source=_SOURCES[slot],
        confirmed=True,
        sequence=info.sequence + (digest == blob.with_sequence(info.sequence + 1).digest()),
        project_id=blob.project,
        learn_id=blob.learn,
        version=blob.version,
    )


def runs(info: BoardInfo, blob: Blob) -> bool:
    """Whether a board runs a model: this one, as it was built in, or as it was sent last."""
    digest = bytes.fromhex(info.digest)
    return any(blob.with_sequence(sequence).digest() == digest for sequence in (info.sequence, 0))


def check_fits(info: BoardInfo, blob: Blob) -> None:
    """Refuse what a board cannot take into a slot.

    Raises
    ------
    ArchitectureMismatch, BoardRefused, ModelTooLarge
        It cannot.
    """
    if info.architecture != blob.architecture.hex():
        built = f"`{info.name}`" if info.name else "no model"
        raise ArchitectureMismatch(
            f"the board's firmware is built for {built}, of another shape than this model (its architecture "
            f"is {info.architecture[:8]}, the model's {blob.architecture.hex()[:8]}): deploy it as firmware"
        )
    if info.slots == 0 and not runs(info, blob):
        raise BoardRefused(f"{info.board} has no slots: deploy the model as firmware")
    size = len(blob.message()) + 64
    if size > info.slot_bytes and info.slots:
        raise ModelTooLarge(f"the model takes {size} bytes of a slot, and {info.board} has {info.slot_bytes}")


def verify(session: BoardSession, info: BoardInfo, blob: Blob) -> int:
    """Run a model's test vectors on a board; returns how many there were.

    Parameters
    ----------
    session : BoardSession
        The board.
    info : BoardInfo
        What it says of itself.
    blob : Blob
        The model that must be in use there.

    Raises
    ------
    VerifyFailed
        Outputs differ, be it in one bit, or there is nothing to compare.
    """
    if not blob.inputs:
        raise VerifyFailed("the model has no test vectors: train it again")
    if (len(blob.inputs[0]), len(blob.outputs[0])) != (info.input_bytes, info.output_bytes):
        raise VerifyFailed(
            f"the board's rows have {info.input_bytes} bytes of inputs and {info.output_bytes} of outputs, "
            f"the model's {len(blob.inputs[0])} and {len(blob.outputs[0])}: it runs another model"
        )
    given = session.run(b"".join(blob.inputs), info)
    size = info.output_bytes
    for number, expected in enumerate(blob.outputs):
        found = given[number * size : (number + 1) * size]
        if found != expected:
            raise VerifyFailed(
                f"the board computes {found.hex()} of test vector {number}, and the model {expected.hex()}"
            )
    return len(blob.outputs)


def _go_back(session: BoardSession) -> None:
    """Have the model that was confirmed run again; a reset does it too, whenever it comes."""
    with contextlib.suppress(BoardUnreachable, BoardRefused):
        session.reset()
