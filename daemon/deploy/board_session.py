"""A talk with a board: its commands as functions, with the patience that a serial line needs.

docs/device-protocol.md says what goes over the line.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from daemon.deploy import smp, smp_serial
from daemon.deploy.serial_link import SerialLink
from daemon.deploy.smp import Answer, Operation
from daemon.errors import ArchitectureMismatch, BoardRefused, BoardUnreachable, DeployError, VerifyFailed
from daemon.wire.deploy import BoardInfo

#: The version of group 64 that is spoken here.
PROTOCOL = 1
#: Which of a board's images is the model.
MODEL_IMAGE = 1

#: Seconds that an answer may take, and how often a question is repeated.
_ANSWER_S = 2.0
_TRIES = 4
#: Seconds before a board that is busy is asked again: the first time; twice as long each time after.
_BUSY_S = 0.25
#: Seconds that a board may take to erase, to check a signature, or to start.
_SLOW_S = 15.0
#: Packet that every SMP server takes.
_SMALLEST_PACKET = 128
_LARGEST_PACKET = 4096
#: Most that CBOR puts around the data of an upload; with the members of the first piece.
_AROUND_DATA, _AROUND_FIRST_DATA = 24, 80

#: SMP's code for a board that will take the same question later.
_BUSY = 10

_SMP_ERRORS = {
    1: "unknown error",
    2: "out of memory",
    3: "invalid value",
    4: "timed out",
    5: "no such entry",
    6: "not in this state",
    7: "the answer would be too long",
    8: "not supported",
    9: "corrupted",
    10: "busy",
    11: "access denied",
    12: "the protocol is too old",
    13: "the protocol is too new",
}
_MODEL_ERRORS: dict[int, tuple[type[DeployError], str]] = {
    1: (BoardRefused, "it is no model in a form that the firmware knows: flash newer firmware"),
    2: (BoardRefused, "the signature is not by the key that its firmware trusts: flash firmware built here"),
    3: (
        BoardRefused,
        "its sequence is not above the last that was accepted: an old model was sent again",
    ),
    4: (ArchitectureMismatch, "its firmware holds models of another shape: flash firmware for this one"),
    5: (VerifyFailed, "its self-test failed: the model computes something else there"),
    6: (BoardRefused, "its slots are too small for the model"),
    7: (BoardRefused, "its flash cannot be written: it may be worn out"),
    8: (BoardRefused, "its firmware holds no model: flash firmware with one"),
    9: (BoardRefused, "it has no sensor"),
    10: (BoardRefused, "its firmware is too old for this protocol: flash newer firmware"),
}

#: Bytes that one number of an answer may have: int8 outputs, and int32 scores.
_WIDTHS = (1, 4)
#: Largest number that a board counts with.
_LARGEST = 2**32 - 1

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Samples:
    """Rows that a board has kept.

    Parameters
    ----------
    first : int
        Number of the first row since the board's start.
    inputs : bytes
        Features, float32 little-endian, a row after the other.
    outputs : bytes
        The model's outputs in the same order.
    dropped : int
        Rows between the one asked for and the first that the board has no more.
    """

    first: int
    inputs: bytes
    outputs: bytes
    dropped: int


class BoardSession:
    """Asks a board and hears its answers.

    Parameters
    ----------
    link : SerialLink
        An open line.
    answer_s : float
        Seconds that an answer may take, on top of the time that a board is known to need.
    """

    def __init__(self, link: SerialLink, *, answer_s: float = _ANSWER_S) -> None:
        self._link = link
        self._answer_s = answer_s
        self._decoder = smp_serial.Decoder()
        self._sequence = 0
        self._packet_size: int | None = None

    def info(self) -> BoardInfo:
        """What the board says of itself.

        Raises
        ------
        BoardUnreachable
            It is silent, or its port is gone.
        BoardRefused
            It speaks SMP, but its firmware is not ours, or of another version of the protocol.
        """
        try:
            told = self._read(smp.MODEL_INFO)
        except _Refusal as refusal:
            raise BoardRefused(
                f"the board on {self._link.port} speaks SMP, and its firmware knows no models "
                f"({refusal.sentence}): flash the reference firmware, or deploy as firmware"
            ) from refusal
        protocol = _number(told, "proto")
        if protocol != PROTOCOL:
            raise BoardRefused(
                f"the firmware on {self._link.port} speaks version {protocol} of the model protocol, not "
                f"{PROTOCOL}: " + ("flash newer firmware" if protocol < PROTOCOL else "use a newer trainerd")
            )
        output_bytes, width = _number(told, "outbytes"), _number(told, "outwidth")
        # Firmware without a model has neither.
        if output_bytes and (width not in _WIDTHS or output_bytes % width):
            raise _nonsense(self._link.port, "outwidth")
        source = told.get("src")
        if source not in ("factory", "slot0", "slot1"):
            raise _nonsense(self._link.port, "src")
        return BoardInfo(
            protocol=protocol,
            firmware=_text(told, "fw"),
            board=_text(told, "board"),
            name=_text(told, "name"),
            architecture=_bytes(told, "arch").hex(),
            slots=_number(told, "slots"),
            slot_bytes=_number(told, "slotsize"),
            sequence=_number(told, "seq"),
            source=source,
            confirmed=told.get("confirmed") is True,
            digest=_bytes(told, "hash").hex(),
            project_id=_number(told, "project"),
            learn_id=_number(told, "learn"),
            version=_number(told, "version"),
            row_inputs=_number(told, "inlen"),
            input_bytes=_number(told, "inbytes"),
            output_bytes=output_bytes,
            output_width=width,
            max_rows=_number(told, "max"),
            boot=_number(told, "boot"),
        )

    def run(self, inputs: bytes, info: BoardInfo) -> bytes:
        """Outputs of the model in use for rows of quantised inputs.

        Parameters
        ----------
        inputs : bytes
            Rows of ``info.input_bytes`` each.
        info : BoardInfo
            What `info` told.

        Raises
        ------
        BoardRefused
            A row does not fit into a packet, or the board does not run them.
        """
        row = info.input_bytes
        if info.max_rows < 1 or not 0 < row <= _LARGEST_PACKET:
            raise BoardRefused(f"a row of {row} bytes is too long for the board's packets")
        size = min(info.max_rows, _LARGEST_PACKET // row) * row
        outputs = bytearray()
        for at in range(0, len(inputs), size):
            rows = inputs[at : at + size]
            given = _bytes(self._told(Operation.WRITE, smp.MODEL_RUN, {"in": rows}, slow=True), "out")
            if len(given) != len(rows) // row * info.output_bytes:
                raise _nonsense(self._link.port, "out")
            outputs += given
        return bytes(outputs)

    def upload(self, image: bytes, hear: Callable[[float], None], *, number: int = MODEL_IMAGE) -> int:
        """Bring an image into the idle slot; an interrupted upload of the same image goes on where it was.

        Parameters
        ----------
        image : bytes
            A blob, packed or not; or firmware for MCUboot.
        hear : callable
            Told the share (0..1) that the board has, after each piece.
        number : int
            Which of the board's images: 1 for a model, 0 for firmware.

        Returns
        -------
        int
            Bytes of the image that were sent; fewer than it has where an upload was resumed.

        Raises
        ------
        BoardUnreachable, BoardRefused, ArchitectureMismatch
            It is not there; the model in use is as before.
        """
        size = self.packet_size() - smp.HEADER_SIZE
        digest = hashlib.sha256(image).digest()
        offset = sent = stalled = 0
        while True:
            piece = image[offset : offset + size - (_AROUND_DATA if offset else _AROUND_FIRST_DATA)]
            members: dict[str, Any] = {"off": offset, "data": piece}
            if offset == 0:
                members |= {"image": number, "len": len(image), "sha": digest}
            sent += len(piece)
            # Before the first piece is written the board erases.
            told = _number(self._told(Operation.WRITE, smp.IMAGE_UPLOAD, members, slow=offset == 0), "off")
            # A board that was reset begins anew; one that never gets on is not waited for.
            stalled = stalled + 1 if told <= offset else 0
            if stalled > _TRIES or told > len(image):
                raise BoardRefused(f"the upload does not get on: the board has {told} of {len(image)} bytes")
            offset = told
            hear(offset / len(image))
            if offset == len(image):
                return sent

    def test(self, digest: bytes) -> list[dict[str, Any]]:
        """Have the board check a model of its slots, run its self-test and take it into use, until a reset.

        Parameters
        ----------
        digest : bytes
            The 32 bytes of the image's hash.

        Returns
        -------
        list of dict
            The image in use, as SMP lists it; other firmware may list all.

        Raises
        ------
        BoardRefused, ArchitectureMismatch, VerifyFailed
            It does not; the model in use stays.
        """
        return self._set_state(digest, confirm=False)

    def confirm(self, digest: bytes) -> list[dict[str, Any]]:
        """Have a model outlive resets; it is tested first where it is not in use. Returns as `test` does."""
        return self._set_state(digest, confirm=True)

    def images(self) -> list[dict[str, Any]]:
        """The board's images, as SMP lists them."""
        return self._images(self._read(smp.IMAGE_STATE))

    def samples(self, start: int) -> Samples:
        """Rows that the board has kept, from a number on; as many as an answer holds."""
        told = self._read(smp.MODEL_SAMPLES, {"from": start})
        dropped = _number({"dropped": 0, **told}, "dropped")
        found = Samples(_number(told, "first"), _bytes(told, "in"), _bytes(told, "out"), dropped)
        # Rows that were read before would be read for ever.
        if found.outputs and found.first < start:
            raise _nonsense(self._link.port, "first")
        return found

    def sample_every(self, milliseconds: int) -> None:
        """Have the board sample its sensor; 0 for no more."""
        self._told(Operation.WRITE, smp.MODEL_SAMPLING, {"everyms": milliseconds})

    def reset(self) -> None:
        """Have the board start anew, and wait until it answers."""
        # Its answer may be lost in its own reset.
        with contextlib.suppress(_Silence):
            self._exchange(Operation.WRITE, smp.RESET, {}, wait_s=self._answer_s)
        self._packet_size = None
        deadline = time.monotonic() + _SLOW_S
        while True:
            try:
                self._exchange(Operation.WRITE, smp.ECHO, {"d": ""}, wait_s=self._answer_s)
            except _Silence:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def packet_size(self) -> int:
        """Bytes of the largest packet that the board takes."""
        if self._packet_size is None:
            told = None
            with contextlib.suppress(_Refusal):
                told = self._read(smp.PARAMETERS).get("buf_size")
            size = told if isinstance(told, int) else 0
            self._packet_size = min(max(size, _SMALLEST_PACKET), _LARGEST_PACKET) - smp_serial.OVERHEAD
        return self._packet_size

    def _set_state(self, digest: bytes, *, confirm: bool) -> list[dict[str, Any]]:
        members = {"hash": digest, "confirm": confirm}
        # Some firmware answers without a list.
        return self._images(
            {"images": [], **self._told(Operation.WRITE, smp.IMAGE_STATE, members, slow=True)}
        )

    def _images(self, told: dict[str, Any]) -> list[dict[str, Any]]:
        found = told.get("images")
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise _nonsense(self._link.port, "images")
        return found

    def _read(self, command: tuple[int, int], members: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._told(Operation.READ, command, members or {})

    def _told(
        self,
        operation: Operation,
        command: tuple[int, int],
        members: dict[str, Any],
        *,
        slow: bool = False,
    ) -> dict[str, Any]:
        """The members of an answer; the question is repeated where none comes, or the board is busy.

        Every command may be repeated: reading changes nothing, an upload says where it goes on, and a model
        that is in use already is taken into use once more.
        """
        tries = 1
        while True:
            # An answer may be lost on the way as well: what may take long is asked again soon, and later.
            wait_s = self._answer_s * 2 ** (tries - 1) if slow else self._answer_s
            try:
                answer = self._exchange(operation, command, members, wait_s=wait_s)
            except _Silence:
                if tries == _TRIES:
                    raise
                tries += 1
                continue
            if answer.error == (None, _BUSY) and tries < _TRIES:
                time.sleep(_BUSY_S * 2 ** (tries - 1))
                tries += 1
                continue
            if answer.error is not None:
                raise _refusal(answer.error)
            return answer.members

    def _exchange(
        self, operation: Operation, command: tuple[int, int], members: dict[str, Any], *, wait_s: float
    ) -> Answer:
        """Ask once."""
        self._sequence = (self._sequence + 1) % 256
        self._link.write(smp_serial.encode(smp.request(operation, command, self._sequence, members)))
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            for packet in self._decoder.feed(self._link.read(deadline)):
                answer = smp.read_answer(packet)
                # Answers to earlier questions come late where those were repeated.
                if answer is not None and (answer.sequence, answer.command) == (self._sequence, command):
                    return answer
        raise _Silence(
            f"the board on {self._link.port} does not answer: check its power, its baud rate, and that it "
            "runs the reference firmware",
            retryable=True,
        )


class _Silence(BoardUnreachable):
    """No answer in time."""


class _Refusal(BoardRefused):
    """An error of SMP itself; `sentence` says which."""

    def __init__(self, sentence: str) -> None:
        super().__init__(f"the board refuses: {sentence}")
        self.sentence = sentence


def _refusal(error: tuple[int | None, int]) -> DeployError:
    group, code = error
    if group == smp.MODEL_GROUP and code in _MODEL_ERRORS:
        kind, sentence = _MODEL_ERRORS[code]
        return kind(f"the board refuses: {sentence}")
    return _Refusal(f"{_SMP_ERRORS.get(code, 'error')} (group {group}, code {code})")


def _nonsense(port: str, member: str) -> BoardRefused:
    return BoardRefused(
        f"the board on {port} answers without a proper `{member}`: flash firmware that fits this trainerd"
    )


def _member(told: dict[str, Any], name: str, kind: type[_Found]) -> _Found:
    found = told.get(name)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise BoardRefused(
            f"the board answers without a proper `{name}`: flash firmware that fits this trainerd"
        )
    return found


def _number(told: dict[str, Any], name: str) -> int:
    number = _member(told, name, int)
    if not 0 <= number <= _LARGEST:
        raise BoardRefused(
            f"the board says that its `{name}` is {number}: flash firmware that fits this trainerd"
        )
    return number


def _text(told: dict[str, Any], name: str) -> str:
    return _member(told, name, str)


def _bytes(told: dict[str, Any], name: str) -> bytes:
    return _member(told, name, bytes)
