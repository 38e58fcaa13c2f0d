"""One model onto one board: written, verified, or what was there is put back.

What a board runs is asked from it at each turn; what is kept on disk says only what can be put back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daemon import faults
from daemon.deploy.board_line import BoardLine, Hear
from daemon.deploy.kept import Kept
from daemon.deploy.update import runs, update_slot, verify
from daemon.errors import BoardRefused, BoardUnreachable, DeployError, ToolMissing, VerifyFailed
from daemon.wire.deploy import BoardInfo, Deploy
from daemon.wire.worker import Log, Progress
from firmware_export.blob import Blob, parse
from firmware_export.errors import UnreadableModel

#: Seconds before each try to go on with an update whose line was lost.
_PAUSES_S = (0.5, 2.0, 5.0)


@dataclass(frozen=True)
class Workplace:
    """Where models get onto one board.

    Parameters
    ----------
    line : BoardLine
        The board.
    kept : Kept
        What can be put back.
    sign : callable
        Signs with the key that firmware is built with.
    board : str
        What kind of board the target says that it is.
    cores : mapping of str to str
        Cores of the kinds that are known.
    """

    line: BoardLine
    kept: Kept
    sign: Callable[[bytes], bytes]
    board: str
    cores: Mapping[str, str]


def deploy(place: Workplace, order: Deploy, hear: Hear, check: Callable[[], None]) -> dict[str, Any]:
    """Put a model onto a board.

    Parameters
    ----------
    place : Workplace
    order : Deploy
        Into a slot, or as firmware.
    hear : callable
        Told of progress and of what is worth a line in the log.
    check : callable
        Raises JobCanceled where nobody waits any more. An update of a slot stops there; a flash that has
        begun is brought to its end.

    Returns
    -------
    dict
        The result, as `daemon.wire.deploy.Deploy` describes it.

    Raises
    ------
    DeployError
        It is not there; the message says what the board runs instead.
    """
    began = time.monotonic()
    blob = read_blob(order.blob)
    before = _ask(place.line)
    faults.point("ports.asked")
    check()
    try:
        if order.images:
            sent, vectors = _write_firmware(place, order, blob, before, hear)
        else:
            sent, vectors = _fill_slot(place, order, blob, hear, check)
        now = place.line.info()
    except DeployError as error:
        _say_what_runs(error, place.line)
        raise
    return {
        "method": "firmware" if order.images else "slot",
        "digest": now.digest,
        "seconds": round(time.monotonic() - began, 3),
        "bytes": sent,
        "vectors": vectors,
        "previous": None if before is None else _model(before),
    }


def recover(place: Workplace, hear: Hear) -> None:
    """Bring to an end what an earlier process left in the middle, or what failed because the port was gone.

    Raises
    ------
    DeployError
        It could not be done. It stays to be done where the port was not there.
    """
    begun = place.kept.read("begun")
    if begun is None:
        return
    info = _ask(place.line)
    if info is not None and begun.blob and _proves(place.line, info, read_blob(begun.blob)):
        place.kept.promote(begun)
        return
    hear(Log("warn", "a flash was cut off: it is done again"))
    _flash_or_put_back(place, begun, hear)


def read_blob(message: bytes) -> Blob:
    """A model as it is handed over.

    Raises
    ------
    BoardRefused
        It is none.
    """
    try:
        return parse(message)
    except UnreadableModel as error:
        raise BoardRefused(error.message) from error


def _fill_slot(
    place: Workplace, order: Deploy, blob: Blob, hear: Hear, check: Callable[[], None]
) -> tuple[int, int]:
    """Update a slot, and go on where the line was lost; returns bytes sent and vectors that were equal."""

    def hear_and_check(event: Progress | Log) -> None:
        hear(event)
        check()

    for pause in (*_PAUSES_S, None):
        try:
            updated = update_slot(place.line.session(), blob, place.sign, hear_and_check)
        except BoardUnreachable as error:
            place.line.close()
            if pause is None:
                raise
            hear(Log("warn", f"{error.message}; it is tried again in {pause:g} s"))
            time.sleep(pause)
            check()
        else:
            with _told_only(hear):
                place.kept.write("model", order)
                # Whatever firmware was begun before, this board works.
                place.kept.drop("begun")
            return updated.sent, updated.vectors
    raise AssertionError


def _write_firmware(
    place: Workplace, order: Deploy, blob: Blob, before: BoardInfo | None, hear: Hear
) -> tuple[int, int]:
    """Flash and verify; returns bytes written and vectors that were equal."""
    tool = place.line.tool
    if tool is None:
        raise DeployError("the board has no flasher: name one in its target, or deploy into its slot")
    if before is not None:
        _check_kind(place, before)
    missing = tool.missing()
    if missing is not None:
        raise ToolMissing(missing, stage="flash")
    # From now on whoever gave the order waits for its end.
    hear(Progress("flash", 0.0))
    kept = place.kept.read("firmware")
    if kept is not None and kept.images == order.images and before is not None:
        hear(Progress("verify", 0.0))
        if _proves(place.line, before, blob):
            hear(Log("info", f"version {blob.version} runs on the board already, in this firmware"))
            place.kept.promote(order)
            return 0, len(blob.inputs)
    if kept is None and place.kept.read("copied") is None:
        _keep_copy(place, order, hear)
    place.kept.write("begun", order)
    faults.point("ports.begun")
    _flash_or_put_back(place, order, hear)
    return len(order.images.get("bin") or next(iter(order.images.values()))), len(blob.inputs)


def _check_kind(place: Workplace, info: BoardInfo) -> None:
    """Refuse firmware for another core than the board says that it has."""
    core = place.cores.get(info.board)
    if core is not None and core != place.cores.get(place.board):
        raise BoardRefused(
            f"the board says that it is a {info.board}, and its target that it is a {place.board}: "
            "name the right one, or the right port",
            stage="flash",
        )


def _keep_copy(place: Workplace, order: Deploy, hear: Hear) -> None:
    """Before the first flash: copy what somebody else has put there, where the flasher can."""
    hear(Progress("flash", 0.0))
    copied = place.line.copy_firmware(lambda event: hear(event) if isinstance(event, Log) else None)
    if copied is None:
        hear(Log("warn", "what is on the board cannot be copied: nothing could be put back if this fails"))
        return
    hear(Log("info", f"{len(copied)} bytes of the board's flash were copied, for putting back"))
    place.kept.write("copied", Deploy(target=order.target, job_id=0, blob=b"", images={"bin": copied}))


def _flash_or_put_back(place: Workplace, order: Deploy, hear: Hear) -> None:
    """Write firmware that ``begun`` names already; it says at any moment what the board shall run."""
    previous = place.kept.read("firmware") or place.kept.read("copied")
    model = place.kept.read("model")
    try:
        _flash(place, order, hear)
    except DeployError as error:
        if previous is None or previous == order:
            _give_up(place, error)
            _add(error, "nothing else is kept that could be put back")
            raise
        hear(Log("error", f"{error.message}; what was there before is put back"))
        try:
            # It matters only where power fails now: the board is worth more than the note.
            with _told_only(hear):
                place.kept.write("begun", previous)
            _put_back(place, previous, model, hear)
            _add(error, "what was there before was put back")
        except DeployError as failure:
            _give_up(place, failure)
            _add(error, f"what was there before could not be put back: {failure.message}")
        raise
    _settle(place, order, hear)


def _put_back(place: Workplace, previous: Deploy, model: Deploy | None, hear: Hear) -> None:
    """Flash what was kept, and fill the slot again that was in use."""

    def hear_logs(event: Progress | Log) -> None:
        if isinstance(event, Log):
            hear(event)

    _flash(place, previous, hear_logs)
    _settle(place, previous, hear_logs)
    if previous.blob and model is not None and model.blob != previous.blob:
        update_slot(place.line.session(), read_blob(model.blob), place.sign, hear_logs)
        with _told_only(hear_logs):
            place.kept.write("model", model)


def _settle(place: Workplace, order: Deploy, hear: Hear) -> None:
    """The board runs what ``begun`` names."""
    with _told_only(hear):
        if order.blob:
            place.kept.promote(order)
        else:
            place.kept.drop("begun")


@contextlib.contextmanager
def _told_only(hear: Hear) -> Iterator[None]:
    """What cannot be kept is told: the board runs what it runs all the same."""
    try:
        yield
    except DeployError as error:
        hear(Log("warn", f"{error.message}; what the board runs now could not be put back later"))


def _give_up(place: Workplace, error: DeployError) -> None:
    """Forget what was begun, unless it only waits for a port: a flash that fails wears the board out."""
    if not isinstance(error, BoardUnreachable):
        place.kept.drop("begun")


def _flash(place: Workplace, order: Deploy, hear: Hear) -> None:
    """Write firmware, and have the board prove that it computes what it must."""
    place.line.write_firmware(order.images, hear)
    hear(Progress("verify", 0.0))
    if not order.blob:
        # A copy of what somebody else has put there: it need not speak with us.
        return
    blob = read_blob(order.blob)
    info = place.line.wait_for_info()
    if info.digest != blob.digest().hex() and info.architecture == blob.architecture.hex():
        # Slots outlive a flash: a model in one of them would go on in the place of the one built in.
        with contextlib.suppress(BoardRefused):
            place.line.session().confirm(blob.digest())
        info = place.line.info()
    if not runs(info, blob):
        raise VerifyFailed(
            f"the board runs version {info.version} of model {info.learn_id}, not the one that was flashed"
        )
    verify(place.line.session(), info, blob)
    hear(Progress("verify", 1.0))


def _proves(line: BoardLine, info: BoardInfo, blob: Blob) -> bool:
    """Whether a board runs the model that is built in, and computes what it must."""
    if info.digest != blob.digest().hex() or not info.confirmed:
        return False
    try:
        verify(line.session(), info, blob)
    except DeployError:
        return False
    return True


def _ask(line: BoardLine) -> BoardInfo | None:
    """What a board says of itself; None where it says nothing that is understood."""
    try:
        return line.info()
    except DeployError:
        return None


def _say_what_runs(error: DeployError, line: BoardLine) -> None:
    """Add what the board runs now to an error: asked from it, not assumed."""
    info = _ask(line)
    if info is None:
        _add(error, "the board does not answer now", running=None)
    else:
        now = f"the board runs version {info.version} of model {info.learn_id} now"
        _add(error, now, running=_model(info))


def _add(error: DeployError, words: str, **details: Any) -> None:
    """Let an error say more."""
    error.message = f"{error.message}; {words}"
    error.args = (error.message,)
    error.details = {**(error.details or {}), **details}


def _model(info: BoardInfo) -> dict[str, Any]:
    return {
        "projectId": info.project_id,
        "learnId": info.learn_id,
        "version": info.version,
        "digest": info.digest,
    }
