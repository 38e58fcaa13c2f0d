"""What worker, daemon and ports process say to each other: one JSON object a line, over a Unix socket.

A client sends one operation on a connection and hears its answers::

    Ask     Board
    Key     PublicKey
    Deploy  any number of Progress and Log, then Done or Failed (`daemon.wire.worker`)
    Watch   Board of every target, then Board and Rows as they come, without an end

An operation that is not understood is answered with Failed. Bytes are base64.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from daemon.wire.targets import Target
from daemon.wire.worker import Done, Failed, Log, Progress, Work

#: Longest line in either direction: an image of several MiB in base64.
MAX_LINE = 16 * 1024 * 1024


class DeploySpec(Work, frozen=True, kw_only=True, tag="deploy"):
    """Everything that one deployment needs.

    Parameters
    ----------
    project_id, learn_id, version : int
        Which version of which model.
    model_file : str
        ``model_int8.npz`` or ``model_int8.tflite`` of the version.
    name : str
        Prefix of the C files and symbols.
    labels : list of str
        Names of a classifier's outputs, or of an anomaly model's features.
    targets : dict
        Where to, in this order, by name.
    socket : str
        Where the ports process listens.
    boards_dir : str or None
        Where more facts about boards lie.
    """

    project_id: int
    learn_id: int
    version: int
    model_file: str
    name: str
    labels: list[str]
    targets: dict[str, Target]
    socket: str
    boards_dir: str | None = None


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Ask a board what it runs, as soon as its port is free."""

    target: str


class Key(msgspec.Struct, frozen=True, tag="key"):
    """Tell the key that firmware is to trust; made now where there is none."""


class Deploy(msgspec.Struct, frozen=True, kw_only=True, tag="deploy"):
    """Put a model onto a board, verify it there, or put back what was there.

    Done's result has ``method``, ``digest`` (hex, as the board says it), ``seconds``, ``bytes`` (sent),
    ``vectors`` (that were equal), ``previous`` (what ran before: ``projectId``, ``learnId``, ``version``,
    ``digest``; None where nothing was known of it).

    Parameters
    ----------
    target : str
        Which board.
    job_id : int
        Whose work it is, for those who wait.
    blob : bytes
        The model as a slot takes it (`firmware_export.blob`), with sequence 0 and without a signature.
    images : dict
        Firmware with this model in it, by format: ``bin``, ``hex``, ``elf``; none to put the model into a
        slot.
    """

    target: str
    job_id: int
    blob: bytes
    images: dict[str, bytes] = {}


class Cursor(msgspec.Struct, frozen=True):
    """How far rows of a target were heard: the next is number `row` of the board's start `boot`."""

    boot: int
    row: int


class Watch(msgspec.Struct, frozen=True, tag="watch"):
    """Tell what boards say of themselves, and what they sample.

    Parameters
    ----------
    cursors : dict
        By target, where to go on; from what is still there where left out.
    """

    cursors: dict[str, Cursor] = {}


Operation = Ask | Key | Deploy | Watch


class PublicKey(msgspec.Struct, frozen=True, tag="public-key"):
    """Public half of the signing key, 32 bytes; zeros where models are not signed."""

    key: bytes


class BoardInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a board says of itself.

    Parameters
    ----------
    protocol : int
        Version of the model group that it speaks.
    firmware, board : str
        Names of both.
    name : str
        Of the model that its firmware was built for; empty where for none.
    architecture : str
        Digest of the models that it takes, in hex.
    slots, slot_bytes : int
        How many, and what each holds.
    sequence : int
        The last that was accepted.
    source : str
        Where the model in use lies: ``factory`` is in the firmware.
    confirmed : bool
        Whether it outlives a reset.
    digest : str
        Of the model in use, in hex.
    project_id, learn_id, version : int
        Which model that is; zeros in firmware that was built by hand.
    row_inputs : int
        Inputs of a row.
    input_bytes, output_bytes : int
        Of a quantised row, and of the model's answer to it.
    output_width : int
        Bytes of one number in that answer: 1, or 4 of a score.
    max_rows : int
        Rows that it runs in one request.
    boot : int
        Changes with each start.
    """

    protocol: int
    firmware: str
    board: str
    name: str
    architecture: str
    slots: int
    slot_bytes: int
    sequence: int
    source: Literal["factory", "slot0", "slot1"]
    confirmed: bool
    digest: str
    project_id: int
    learn_id: int
    version: int
    row_inputs: int
    input_bytes: int
    output_bytes: int
    output_width: int
    max_rows: int
    boot: int


class Board(msgspec.Struct, frozen=True, tag="board"):
    """A target as it is.

    Parameters
    ----------
    target : str
        Its name.
    asked : str
        When that was found, ISO 8601 in UTC.
    info : BoardInfo or None
        What it said; None where it did not answer.
    reason : str or None
        Why it did not: a port that is missing, busy, silent.
    """

    target: str
    asked: str
    info: BoardInfo | None = None
    reason: str | None = None


class Rows(msgspec.Struct, frozen=True, kw_only=True, tag="rows"):
    """Rows that a board has sampled, and what its model made of them.

    Parameters
    ----------
    target : str
        Whose.
    boot, first : int
        Start of the board, and number of the first row since then; they follow each other.
    interval_ms : int
        Milliseconds between two.
    project_id, learn_id, version : int
        The model that scored them.
    inputs : bytes
        Features, float32 little-endian, row by row, in the order of the model's axes.
    outputs : list of list of int
        Its outputs for each row: the integer score of an anomaly model, the int8 outputs of a network.
    dropped : int
        Rows before the first that nobody has any more.
    """

    target: str
    boot: int
    first: int
    interval_ms: int
    project_id: int
    learn_id: int
    version: int
    inputs: bytes
    outputs: list[list[int]]
    dropped: int = 0

    @property
    def cursor(self) -> Cursor:
        """Where a watcher goes on that has these."""
        return Cursor(self.boot, self.first + len(self.outputs))

    @property
    def model(self) -> tuple[int, int, int]:
        """Project, learn block and version of the model that scored them."""
        return self.project_id, self.learn_id, self.version


Answer = Board | PublicKey | Rows | Progress | Log | Done | Failed
