"""MCUmgr: an image for MCUboot, uploaded to firmware that runs (Zephyr, and others with an SMP server).

The line is imported on use: the daemon only asks whether a flasher can be used.
"""

from __future__ import annotations

import contextlib
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daemon.deploy.flashers.flasher import STAGE, Flasher, Hear, Reach, SerialOptions, Task
from daemon.errors import BoardUnreachable, FlashFailed
from daemon.wire.worker import Log, Progress

if TYPE_CHECKING:
    from daemon.deploy.board_session import BoardSession

#: MCUboot's image (https://docs.mcuboot.com/design.html): a header, the program, and values that trail it.
_HEADER = struct.Struct("<IIHHI")
_MAGIC = 0x96F3_B83D
_TRAILER = struct.Struct("<HH")
_TRAILER_MAGIC, _PROTECTED_MAGIC = 0x6907, 0x6908
#: SHA-256, -384, -512 of the image: what the server calls it by.
_HASHES = (0x10, 0x11, 0x12)

_FIRMWARE = 0
_PAUSE_S = 0.5


class Options(SerialOptions, frozen=True, kw_only=True):
    """What is known of the board's bootloader.

    Parameters
    ----------
    swap_s : float
        How long MCUboot may take to swap the images and start the new one.
    """

    swap_s: float = 120.0


def image_hash(image: bytes) -> bytes:
    """The hash by which MCUboot knows an image.

    Raises
    ------
    FlashFailed
        It is none of MCUboot's, or has no hash.
    """
    try:
        magic, _, header, _, size = _HEADER.unpack_from(image)
        if magic != _MAGIC:
            raise _no_image("it does not begin as one")
        return _hash(image, header + size)
    except struct.error:
        raise _no_image("it is cut off") from None


def _hash(image: bytes, at: int) -> bytes:
    """Look through the trailing values, of which the protected ones come first."""
    magic, length = _TRAILER.unpack_from(image, at)
    if magic == _PROTECTED_MAGIC:
        at += length
        magic, length = _TRAILER.unpack_from(image, at)
    if magic != _TRAILER_MAGIC:
        raise _no_image("nothing trails the program")
    end = at + length
    at += _TRAILER.size
    while at < end:
        kind, size = _TRAILER.unpack_from(image, at)
        at += _TRAILER.size
        if kind in _HASHES and at + size <= len(image):
            return image[at : at + size]
        at += size
    raise _no_image("it has no hash")


def _no_image(reason: str) -> FlashFailed:
    return FlashFailed(
        f"mcumgr: the firmware is no image for MCUboot, {reason}: let the target's `build` sign it with "
        "imgtool",
        stage=STAGE,
    )


@dataclass(frozen=True, kw_only=True)
class Mcumgr(Flasher):
    """Speaks SMP itself; nothing is to be installed."""

    def missing(self) -> str | None:
        """None: it needs no tool."""
        return None

    def version(self) -> str | None:
        """None: it has no tool."""
        return None

    def write(self, task: Task[Options], hear: Hear) -> None:
        """Upload, let MCUboot try the image, and confirm it when it answers; see `Flasher.write`.

        An image that does not answer is not confirmed: MCUboot puts the one before back at the next reset.
        """
        from daemon.deploy.board_session import BoardSession
        from daemon.deploy.serial_link import SerialLink

        image = (task.folder / task.image).read_bytes()
        digest = image_hash(image)
        with SerialLink(task.port, task.options.baud) as link:
            session = BoardSession(link)
            there = _state(session, digest)
            if not there.get("active"):
                if not there:
                    sent = session.upload(
                        image, lambda share: hear(Progress(STAGE, 0.9 * share)), number=_FIRMWARE
                    )
                    hear(Log("info", f"{sent} of {len(image)} bytes were sent"))
                session.test(digest)
                hear(Log("info", "MCUboot swaps the images"))
                with contextlib.suppress(BoardUnreachable):
                    session.reset()
        _confirm(task, digest)


def _state(session: BoardSession, digest: bytes) -> dict[str, Any]:
    """What the board says of an image; nothing where it has it not."""
    return next((each for each in session.images() if each.get("hash") == digest), {})


def _confirm(task: Task[Options], digest: bytes) -> None:
    """Confirm the image as soon as it says that it runs: swapping takes its time, the port may go for it."""
    from daemon.deploy.board_session import BoardSession
    from daemon.deploy.serial_link import SerialLink

    deadline = time.monotonic() + task.options.swap_s
    while True:
        try:
            with SerialLink(task.port, task.options.baud) as link:
                session = BoardSession(link)
                if not _state(session, digest).get("active"):
                    raise FlashFailed(
                        "mcumgr: MCUboot did not take the image and runs the one before: was it signed "
                        "with the key that this MCUboot trusts, and for this board?",
                        stage=STAGE,
                    )
                session.confirm(digest)
                return
        except BoardUnreachable:
            if time.monotonic() > deadline:
                raise BoardUnreachable(
                    f"mcumgr: the board did not come back within {task.options.swap_s:g} s; a reset puts "
                    "the image before back",
                    stage=STAGE,
                    retryable=True,
                ) from None
        time.sleep(_PAUSE_S)


FLASHER = Mcumgr(
    name="mcumgr",
    formats=("bin",),
    options=Options,
    reach=Reach.SERIAL,
    verifies=True,
    erases=False,
    resets=True,
    reads=False,
    install="nothing to install",
)
