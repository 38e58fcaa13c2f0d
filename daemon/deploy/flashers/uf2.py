"""UF2: a file that is copied onto the drive which a bootloader shows."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from daemon.deploy.flashers import complaints
from daemon.deploy.flashers.flasher import STAGE, Flasher, Hear, Reach, Task
from daemon.deploy.flashers.flasher import Options as Common
from daemon.errors import BoardRefused, BoardUnreachable, DeployError, FlashFailed, means_full_disk
from daemon.wire.worker import Log, Progress

INFO = "INFO_UF2.TXT"

#: The format: https://github.com/microsoft/uf2, blocks of 512 bytes, little-endian.
_BLOCK = struct.Struct("<8I476sI")
_PAYLOAD = 256
_MAGIC = (0x0A32_4655, 0x9E5D_5157)
_MAGIC_END = 0x0AB1_6F30
_FAMILY_PRESENT = 0x2000

#: Bytes that are written at once.
_PIECE = 64 * _BLOCK.size
#: Seconds between looks at the drive.
_TICK_S = 0.2
#: The rate that asks a running Arduino core, TinyUSB or pico program to go into its bootloader.
_TOUCH_BAUD = 1200


class Options(Common, frozen=True, kw_only=True):
    """What is known of the board's drive.

    Parameters
    ----------
    drive : str
        Where it is mounted: ``/media/RPI-RP2``.
    family : int
        Family id of the chip, from the list of the format: 0xE48BFF56 for an RP2040.
    address : int
        Where a ``bin`` image goes.
    board_id : str
        ``Board-ID`` in the drive's INFO_UF2.TXT, if it must be this one.
    touch : bool
        Whether the board's serial port is opened at 1,200 baud first, which many programs take as a wish for
        the bootloader.
    wait_s : float
        How long is waited for the drive to appear, and for it to go when all is written.
    """

    drive: str
    family: int
    address: int
    board_id: str = ""
    touch: bool = False
    wait_s: float = 20.0


def to_uf2(image: bytes, address: int, family: int) -> bytes:
    """A binary image as UF2.

    Parameters
    ----------
    image : bytes
        Contents of the flash; the last block is filled up with zeros.
    address : int
        Of the first byte; a multiple of 256.
    family : int
        Family id of the chip.
    """
    pieces = [image[start : start + _PAYLOAD] for start in range(0, len(image), _PAYLOAD)]
    return b"".join(
        _BLOCK.pack(
            *(*_MAGIC, _FAMILY_PRESENT, address + number * _PAYLOAD, _PAYLOAD, number, len(pieces), family),
            piece,
            _MAGIC_END,
        )
        for number, piece in enumerate(pieces)
    )


def read_info(drive: Path) -> dict[str, str]:
    """What a bootloader says of itself: ``Model``, ``Board-ID`` and what else its file has."""
    text = (drive / INFO).read_text(encoding="utf-8", errors="replace")
    return {key.strip(): value.strip() for key, value in re.findall(r"^([^:\n]+):(.*)$", text, re.MULTILINE)}


@dataclass(frozen=True, kw_only=True)
class Uf2(Flasher):
    """Copies; nothing is to be installed."""

    def missing(self) -> str | None:
        """None: it needs no tool."""
        return None

    def version(self) -> str | None:
        """None: it has no tool."""
        return None

    def write(self, task: Task[Options], hear: Hear) -> None:
        """Wait for the drive, see that it is the right one, copy; see `Flasher.write`."""
        options = task.options
        drive = Path(options.drive)
        if options.touch and not (drive / INFO).exists():
            _touch(task.port)
        _wait_for(drive, options.wait_s)
        info = read_info(drive)
        hear(
            Log(
                "info", f"{drive}: {info.get('Model', 'a board')}, {info.get('Board-ID', 'without Board-ID')}"
            )
        )
        if options.board_id and info.get("Board-ID") != options.board_id:
            raise FlashFailed(
                f"uf2: the board on {drive} is {info.get('Board-ID')}, not {options.board_id}: check "
                "`drive` and `board_id`",
                stage=STAGE,
            )
        image = (task.folder / task.image).read_bytes()
        if not task.image.endswith(".uf2"):
            image = to_uf2(image, options.address, options.family)
        _copy(image, drive / "FIRMWARE.UF2", hear)
        _wait_for_end(drive, options.wait_s)


def _touch(port: str) -> None:
    import serial

    with (
        contextlib.suppress(serial.SerialException),
        serial.serial_for_url(port, baudrate=_TOUCH_BAUD) as line,
    ):
        line.dtr = False


def _wait_for(drive: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while not (drive / INFO).is_file():
        if time.monotonic() > deadline:
            raise BoardUnreachable(
                f"uf2: there is no {INFO} on {drive}: press BOOT (or reset twice) so that the drive "
                "appears, and see that it is mounted there",
                stage=STAGE,
                retryable=True,
            )
        time.sleep(_TICK_S)


def _wait_for_end(drive: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while (drive / INFO).exists():
        if time.monotonic() > deadline:
            raise BoardRefused(
                f"uf2: the board on {drive} did not take the file: it does not start a program that is for "
                "another chip or lies elsewhere; check `family` and `address`",
                stage=STAGE,
            )
        time.sleep(_TICK_S)


def _copy(image: bytes, path: Path, hear: Hear) -> None:
    """Write the file through to the drive, piece by piece."""
    done = 0
    try:
        with path.open("wb") as file:
            while done < len(image):
                file.write(image[done : done + _PIECE])
                file.flush()
                done += _PIECE
                os.fsync(file.fileno())
                hear(Progress(STAGE, min(done / len(image), 1.0)))
    except OSError as error:
        # With the last block the bootloader starts the program, and takes the drive away under the open file.
        if done < len(image):
            raise _failure(error, path.parent) from None


def _failure(error: OSError, drive: Path) -> DeployError:
    if isinstance(error, PermissionError):
        return BoardUnreachable(f"uf2: {complaints.closed_port(str(drive))}", stage=STAGE)
    if means_full_disk(error):
        return BoardRefused(f"uf2: the image does not fit on {drive}", stage=STAGE)
    return BoardUnreachable(f"uf2: {complaints.gone_port(str(drive))}", stage=STAGE, retryable=True)


FLASHER = Uf2(
    name="uf2",
    formats=("uf2", "bin"),
    options=Options,
    reach=Reach.DRIVE,
    verifies=False,
    erases=False,
    resets=True,
    reads=False,
    install="nothing to install",
)
