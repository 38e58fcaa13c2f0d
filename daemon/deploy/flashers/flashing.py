"""One image onto one board, with whichever flasher."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from daemon.deploy.flashers import complaints
from daemon.deploy.flashers.flasher import STAGE, Flasher, Hear, Options, Reach, SerialOptions, Task
from daemon.deploy.flashers.table import flasher
from daemon.deploy.flashers.terminal import terminal
from daemon.deploy.serial_link import SerialLink
from daemon.errors import BoardRefused, BoardUnreachable, FlashFailed, ToolMissing
from daemon.wire.worker import Progress

_ERASED = b"\xff"
_BLOCK = 256


def flash(name: str, port: str, images: Mapping[str, Path], options: Options, hear: Hear) -> None:
    """Write firmware, check it where the flasher can, and start it where it can.

    The port must be free: the tool opens it. What has begun is brought to an end, within the time that the
    options give.

    Parameters
    ----------
    name : str
        The flasher.
    port : str
        Port of the board, or of the programmer where that is another: a device, a URL of pyserial, or what
        else the tool takes, as ``usb`` is for avrdude.
    images : mapping of str to Path
        The firmware by format: ``elf``, ``hex``, ``bin``, ``uf2``. The flasher takes what it likes best.
    options : Options
        From `read_options`.
    hear : callable
        Told progress, 0..1 of the stage ``flash``, and lines of log.

    Raises
    ------
    ToolMissing
        Its tool is not installed.
    BoardUnreachable
        The port is missing, busy, closed to us or goes away, or nobody answers.
    BoardRefused, FlashFailed
        Otherwise; the message says what to do. Of these, an image without room is refused before anything is
        written.
    """
    tool = flasher(name)
    image = next((images[each] for each in tool.formats if each in images), None)
    if image is None:
        raise FlashFailed(
            f"{name} takes {' or '.join(tool.formats)} files, the firmware is there as {', '.join(images)}",
            stage=STAGE,
        )
    if options.room is not None and "bin" in images and (size := images["bin"].stat().st_size) > options.room:
        raise BoardRefused(f"the image has {size} bytes, the board has room for {options.room}", stage=STAGE)
    with _task(tool, port, f"image{image.suffix}", image.stat().st_size, options) as task:
        shutil.copyfile(image, task.folder / task.image)
        hear(Progress(STAGE, 0.0))
        _bring(tool.write, task, hear)
        hear(Progress(STAGE, 1.0))


def copy_flash(name: str, port: str, size: int, options: Options, into: Path, hear: Hear) -> None:
    """Copy what is in a board's flash, so that it can be put back with `flash`.

    Parameters
    ----------
    name, port, options, hear
        As of `flash`.
    size : int
        Bytes, from where the flasher writes an image. Of what a tool copies beyond, a bootloader for one,
        nothing is kept, nor of the erased rest.
    into : Path
        A ``.bin`` file to be.

    Raises
    ------
    DeployError
        As of `flash`; or the flasher cannot read.
    """
    tool = flasher(name)
    if not tool.reads:
        raise FlashFailed(f"{name} cannot read a board's flash", stage=STAGE)
    with _task(tool, port, "image.bin", size, options) as task:
        _bring(tool.read, task, hear)
        copied = (task.folder / task.image).read_bytes()[:size]
    written = len(copied.rstrip(_ERASED))
    # Whole blocks, and one at least: tools refuse an empty image.
    into.write_bytes(copied[: max(-(-written // _BLOCK), 1) * _BLOCK])


def _bring(move: Callable[[Task[Any], Hear], None], task: Task[Any], hear: Hear) -> None:
    """Move an image; tell a board that went away from one that answered wrong."""
    try:
        move(task, hear)
    except (BoardUnreachable, FlashFailed) as error:
        if not task.is_there():
            message = complaints.gone_port(task.port)
            raise BoardUnreachable(message, stage=STAGE, retryable=True, details=error.details) from error
        raise


@contextlib.contextmanager
def _task(tool: Flasher, port: str, image: str, size: int, options: Options) -> Iterator[Task[Any]]:
    """A working directory, and the port as the tool takes it."""
    if reason := tool.missing():
        raise ToolMissing(reason, stage=STAGE)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flash-")))
        behind = ""
        if isinstance(options, SerialOptions):
            if port.startswith("/"):
                # Opened once to see that it is there and free: tools say so in many ways, or not at all.
                with SerialLink(port, options.baud, options.parity()):
                    pass
            elif "://" in port and tool.reach is Reach.TTY:
                behind, port = port, stack.enter_context(terminal(port, options.baud, options.parity()))
        yield Task(port, image, size, folder, options, behind)
