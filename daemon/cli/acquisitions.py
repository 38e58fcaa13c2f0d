"""Acquisition objects as files, JSON or CBOR: read to know what is in them, and sent as they are.

Whoever signed one signed its bytes, so they are not written anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from daemon.cli.tables import Options, TableError, label_of
from daemon.data.index import Recording
from daemon.errors import RequestError
from daemon.handlers.data import to_recording
from daemon.wire.bodies import encoding_of, read_body
from daemon.wire.edge_impulse import Acquisition
from daemon.wire.members import convert

SUFFIXES = (".json", ".cbor")


@dataclass(frozen=True)
class AcquisitionFile:
    """One acquisition object.

    Parameters
    ----------
    content : bytes
        The object.
    recording : Recording
        What is in it.
    beside : dict
        Name and label, where the object does not hold them.
    """

    content: bytes
    recording: Recording
    beside: dict[str, str]


def read_acquisition(path: Path, content: bytes, options: Options) -> AcquisitionFile:
    """Read an acquisition object.

    Raises
    ------
    TableError
        It is none, or an option does not suit it.
    """
    if options.columns is not None or options.label_column is not None:
        raise TableError(f"{path}: --columns and --label-column are for tables")
    try:
        body = read_body(content, encoding_of(content))
        recording = to_recording(convert(body, Acquisition))
    except RequestError as error:
        raise TableError(f"{path}: {error.message}") from None
    if options.label is not None and recording.label is not None:
        raise TableError(f"{path}: holds a label already: leave --label out")
    beside = {} if recording.name else {"fileName": path.stem}
    label = options.label or label_of(path)
    if label is not None and recording.label is None and recording.labels is None:
        beside["label"] = label
    return AcquisitionFile(content, recording, beside)
