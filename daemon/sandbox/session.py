"""The parent's side, second half: talk to a sandbox within bounds, trusting nothing that it tells."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from daemon.errors import JobTimedOut, SandboxUnavailable, ScriptFailed, WorkerOutOfMemory
from daemon.sandbox.start import WALLS, Link, Place, Wall
from daemon.wire.sandbox import Material, Order, Raised, Ready, Returned, Told
from daemon.wire.worker import Log, Progress

#: Seconds between two looks at the clock, and at who wants the job to stop.
_TICK_S = 0.2
#: Seconds for the walls to stand.
_READY_S = 30.0
#: Longest line that is heard: an event's, and a print's of which the rest is dropped.
_MAX_LINE = 1024 * 1024
_MAX_PRINT = 2000
_READ_BYTES = 256 * 1024

_decoder: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)


@dataclass(frozen=True)
class Sandboxed:
    """What came out of a sandbox; its author may be an enemy.

    Parameters
    ----------
    result : dict
        JSON.
    files : dict of str to bytes
        At most `Bounds.output_bytes` in all.
    """

    result: dict[str, Any]
    files: dict[str, bytes]


@dataclass(frozen=True)
class Sandbox:
    """Runs code behind walls, the first kind that can be had.

    Parameters
    ----------
    place : Place
        What it may see and use.
    closed : list of Path
        What it must not be able to read: tried before it is told anything.
    walls : sequence of Wall
        Kinds, in the order in which they are tried.
    """

    place: Place
    closed: list[Path]
    walls: Sequence[Wall] = WALLS

    def run(
        self,
        entry: str,
        job: dict[str, Any],
        files: dict[str, bytes],
        hear: Callable[[Progress | Log], None],
        tick: Callable[[], None],
    ) -> Sandboxed:
        """Run ``module:function`` in there.

        Parameters
        ----------
        entry : str
            What runs; see `daemon.sandbox.entry.Entry`.
        job : dict
            JSON that it is given.
        files : dict of str to bytes
            Bytes that it is given.
        hear : callable
            Hears of progress and of what is printed.
        tick : callable
            Called every now and then; what it raises ends the sandbox.

        Returns
        -------
        Sandboxed

        Raises
        ------
        SandboxUnavailable
            No kind of wall can be had, or none that closes everything.
        ScriptFailed
            The code failed, died, or handed back too much.
        WorkerOutOfMemory, JobTimedOut
            It used more than it may.
        """
        with self._behind_walls(entry) as (conversation, ready):
            for layer in ready.layers:
                hear(Log("info", f"sandbox: {layer}"))
            conversation.give(Material(job, {name: len(content) for name, content in files.items()}), files)
            return conversation.listen(hear, tick)

    def layers(self) -> list[str]:
        """What the walls consist of here, after a try.

        Raises
        ------
        SandboxUnavailable
            There are none.
        """
        with self._behind_walls("") as (_, ready):
            return ready.layers

    @contextmanager
    def _behind_walls(self, entry: str) -> Iterator[tuple[_Conversation, Ready]]:
        why_not = []
        for wall in self.walls:
            missing = wall.missing(self.place.socket)
            if missing is None:
                with _started(wall, self.place) as conversation:
                    ready = conversation.begin(self._order(wall, entry))
                    if isinstance(ready, Ready) and not ready.gaps:
                        yield conversation, ready
                        return
                missing = ", ".join(ready.gaps) if isinstance(ready, Ready) else ready
            why_not.append(f"{wall.name}: {missing}")
        raise SandboxUnavailable(
            "no sandbox can be had on this machine, so no script is run: " + "; ".join(why_not), stage="train"
        )

    def _order(self, wall: Wall, entry: str) -> Order:
        return Order(
            wall=wall.name,
            entry=entry,
            modules=[str(path) for path in self.place.modules],
            closed=[str(path) for path in self.closed],
            scratch=str(wall.scratch(self.place)),
            bounds=self.place.bounds,
        )


@contextmanager
def _started(wall: Wall, place: Place) -> Iterator[_Conversation]:
    link = wall.start(place)
    conversation = _Conversation(link, place, None if wall.hides else place.scratch)
    try:
        yield conversation
    finally:
        conversation.link.end()


class _Conversation:
    """With one sandboxed process.

    Parameters
    ----------
    link : Link
        The process.
    place : Place
        Its bounds.
    watched : Path or None
        The scratch, where nothing but the parent keeps it within its bound.
    """

    def __init__(self, link: Link, place: Place, watched: Path | None) -> None:
        self.link = link
        self._bounds = place.bounds
        self._watched = watched
        self._buffer = bytearray()
        self._printed = 0
        self._deadline = 0.0

    def begin(self, order: Order) -> Ready | str:
        """Let the walls be put up; returns what they are, or why there are none."""
        deadline = time.monotonic() + _READY_S
        said = []
        try:
            self._write(msgspec.json.encode(order) + b"\n")
            while time.monotonic() < deadline:
                line = self._line()
                if line is None:
                    continue
                event = _decoded(line)
                if isinstance(event, Ready):
                    return event
                said.append(event.message if isinstance(event, Raised) else line.decode(errors="replace"))
        except (EOFError, OSError):
            pass
        return "; ".join(text for text in said if text) or "it does not answer"

    def give(self, material: Material, files: dict[str, bytes]) -> None:
        """Hand over what the code works on."""
        self._deadline = time.monotonic() + self._bounds.wall_s
        try:
            self._write(msgspec.json.encode(material) + b"\n")
            for content in files.values():
                self._write(content)
        except OSError as error:
            raise ScriptFailed(f"the sandbox ended before it began: {error}", stage="train") from error

    def listen(self, hear: Callable[[Progress | Log], None], tick: Callable[[], None]) -> Sandboxed:
        """Hear the code until it has ended."""
        last: list[str] = []
        try:
            while True:
                tick()
                self._check()
                line = self._line()
                if not line:
                    continue
                event = _decoded(line)
                if isinstance(event, Returned):
                    return Sandboxed(event.result, self._files(event.files, tick))
                if isinstance(event, Raised):
                    raise _failure(event.message)
                if isinstance(event, Progress):
                    hear(event)
                    continue
                log = event if isinstance(event, Log) else _print(line)
                last = [*last[-9:], log.text]
                if self._may_print(log):
                    hear(log)
        except EOFError:
            raise self._explain_end(last) from None

    def _files(self, sizes: dict[str, int], tick: Callable[[], None]) -> dict[str, bytes]:
        if sum(sizes.values()) > self._bounds.output_bytes or min(sizes.values(), default=0) < 0:
            raise ScriptFailed(
                f"the script hands back {sum(sizes.values())} bytes, at most {self._bounds.output_bytes} are "
                "taken: make the model smaller",
                stage="train",
            )
        files = {}
        for name, size in sizes.items():
            while len(self._buffer) < size:
                tick()
                self._check()
                self._read()
            files[name] = bytes(self._buffer[:size])
            del self._buffer[:size]
        return files

    def _check(self) -> None:
        if time.monotonic() > self._deadline:
            raise JobTimedOut(
                f"the script ran longer than {self._bounds.wall_s:g} s: raise keras.expert.timeout_s, or "
                "train less",
                stage="train",
            )
        if self._watched is not None and _size(self._watched) > self._bounds.scratch_bytes:
            raise ScriptFailed(
                f"the script wrote more than {self._bounds.scratch_bytes} bytes of files: raise "
                "keras.expert.scratch_mb, or write less",
                stage="train",
            )

    def _may_print(self, log: Log) -> bool:
        before, self._printed = self._printed, self._printed + len(log.text)
        return before <= self._bounds.log_bytes

    def _line(self) -> bytes | None:
        """The next line, or None where none has come for a while; raises EOFError at the end."""
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _MAX_LINE:
                # Longer than any event: a print, which is cut off.
                end = _MAX_PRINT
                line = bytes(self._buffer[:end])
                self._buffer.clear()
                return line
            self._read()
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _read(self) -> None:
        self.link.socket.settimeout(_TICK_S)
        try:
            content = self.link.socket.recv(_READ_BYTES)
        except TimeoutError:
            return
        except ConnectionError:
            content = b""
        if not content:
            raise EOFError
        self._buffer += content

    def _write(self, content: bytes) -> None:
        self.link.socket.settimeout(_READY_S)
        self.link.socket.sendall(content)

    def _explain_end(self, last: list[str]) -> ScriptFailed | WorkerOutOfMemory:
        if self._buffer:
            last = [*last, self._buffer.decode(errors="replace")[:_MAX_PRINT]]
        if any("MemoryError" in text or "bad_alloc" in text for text in last):
            return _out_of_memory()
        status = self.link.end()
        how = (
            ""
            if status is None
            else f" with exit status {status}"
            if status >= 0
            else f" by signal {-status}"
        )
        said = f"; the last it said: {last[-1]}" if last else ""
        return ScriptFailed(f"the script's process ended{how}{said}", stage="train")


def _decoded(line: bytes) -> Told | None:
    """The event in a line; None where it is something that the code printed."""
    if not line.startswith(b"{"):
        return None
    try:
        return _decoder.decode(line)
    except msgspec.MsgspecError:
        return None


def _print(line: bytes) -> Log:
    """A printed line; Edge Impulse's scripts say the level in front of it."""
    text = line.decode(errors="replace").rstrip()[:_MAX_PRINT]
    level, _, rest = text.removeprefix("EI_LOG_LEVEL=").partition(" ")
    if text.startswith("EI_LOG_LEVEL=") and level in ("debug", "info", "warn", "error"):
        return Log(level, rest)
    return Log("info", text)


def _failure(message: str) -> ScriptFailed | WorkerOutOfMemory:
    if "MemoryError" in message or "bad_alloc" in message or "ResourceExhausted" in message:
        return _out_of_memory()
    return ScriptFailed(message[-4000:], stage="train")


def _out_of_memory() -> WorkerOutOfMemory:
    return WorkerOutOfMemory(
        "the script needs more memory than keras.expert.memory_mb allows: train on less, or raise it",
        stage="train",
    )


def _size(directory: Path) -> int:
    """Bytes on disk of everything below a directory."""
    total = 0
    for place, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(place, name).lstat().st_blocks * 512
    return total
