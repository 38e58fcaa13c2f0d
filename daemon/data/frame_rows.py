"""The rows of a frame as an array, for the worker; the only part of frames that needs numpy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from daemon.data.frames import Frame, FrameColumn
from daemon.database import open_read_only
from daemon.errors import DatasetError


def load_frame(database: str | Path, frame_id: int) -> tuple[Frame, npt.NDArray[np.float64]]:
    """Read a frame.

    Parameters
    ----------
    database : str or Path
        The SQLite file; opened read-only.
    frame_id : int
        Which one.

    Returns
    -------
    Frame and ndarray, shape (rows, columns), float64

    Raises
    ------
    DatasetError
        It has been deleted.
    """
    connection = open_read_only(database)
    try:
        # One snapshot: rows that are appended meanwhile are not seen by halves.
        connection.execute("BEGIN")
        row = connection.execute("SELECT name, columns FROM frame WHERE id = ?", (frame_id,)).fetchone()
        parts = connection.execute(
            "SELECT data FROM frame_part WHERE frame_id = ? ORDER BY first", (frame_id,)
        ).fetchall()
    finally:
        connection.close()
    if row is None:
        raise DatasetError(f"frame {frame_id} has been deleted")
    columns = msgspec.json.decode(row["columns"], type=list[FrameColumn])
    values = np.frombuffer(b"".join(part["data"] for part in parts), dtype="<f8").astype(float, copy=False)
    rows = values.reshape(-1, len(columns))
    return Frame(frame_id, row["name"], columns, len(rows)), rows


def choose_columns(frame: Frame, rows: npt.NDArray[np.float64], names: list[str]) -> npt.NDArray[np.float64]:
    """Columns of a frame by name, in that order.

    Raises
    ------
    DatasetError
        The frame has no such column.
    """
    present = [column.name for column in frame.columns]
    for name in names:
        if name not in present:
            raise DatasetError(f"frame {frame.id} has no column {name!r}; it has {', '.join(present)}")
    return np.ascontiguousarray(rows[:, [present.index(name) for name in names]])


def digest(names: list[str], rows: npt.NDArray[np.float64]) -> str:
    """SHA-256 (hex) over names and values; the same data gives the same on every device."""
    said = hashlib.sha256(msgspec.json.encode(names) + b"\n")
    said.update(rows.astype("<f8", copy=False).tobytes())
    return said.hexdigest()
