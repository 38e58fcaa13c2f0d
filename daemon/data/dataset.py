"""The rows of a project, read for training: the database's bytes as float32 arrays.

This is the only part of `daemon.data` that needs numpy; it runs in the worker.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from daemon.data.index import FEATURES, Column
from daemon.database import open_read_only
from daemon.errors import DatasetError

FloatRows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Samples:
    """One recording, or one feature table.

    Parameters
    ----------
    sample_id : int
        Id of the first sample.
    category : str
        ``training``, ``testing`` or ``anomaly``.
    name : str
        Where the values came from: a file name, or empty.
    interval_ms : float
        Milliseconds between rows; 0 for a feature table.
    labels : tuple of (str or None)
        One label a row for a feature table, one for all rows of a time series.
    values : ndarray, shape (rows, columns), float32
        The values, in the units of the columns.
    metadata : dict of str to str
        Free text by key, of the whole recording.
    """

    sample_id: int
    category: str
    name: str
    interval_ms: float
    labels: tuple[str | None, ...]
    values: FloatRows
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def is_series(self) -> bool:
        """Whether the rows follow each other in time."""
        return self.interval_ms > 0

    def place(self, row: int) -> str:
        """Where a row is, for a message to a person."""
        return f"row {row} (from 0) of {repr(self.name) if self.name else f'sample {self.sample_id}'}"


@dataclass(frozen=True)
class Dataset:
    """Everything that a project holds.

    Parameters
    ----------
    columns : list of Column
        Names and units of the columns; all recordings of a project have the same.
    samples : list of Samples
        The recordings, oldest first.
    digest : str
        SHA-256 (hex) over all that was read: categories, columns, intervals, labels and values. The
        same data gives the same digest on every device.
    """

    columns: list[Column]
    samples: list[Samples]
    digest: str

    def of(self, category: str) -> list[Samples]:
        """The recordings of one category, oldest first."""
        return [samples for samples in self.samples if samples.category == category]


def load_dataset(database: str | Path, project_id: int) -> Dataset:
    """Read a project from the database.

    Parameters
    ----------
    database : str or Path
        The SQLite file; opened read-only.
    project_id : int
        The project.

    Returns
    -------
    Dataset
        All its recordings.

    Raises
    ------
    DatasetError
        The project holds nothing, or stored values were damaged.
    """
    connection = open_read_only(database)
    try:
        rows = connection.execute(
            "SELECT id, category, kind, name, label, labels, columns, interval_ms, rows, metadata, sha256,"
            " data FROM recording WHERE project_id = ? ORDER BY id",
            (project_id,),
        ).fetchall()
    finally:
        connection.close()
    if not rows:
        raise DatasetError(f"project {project_id} holds no data: import some first")
    columns = msgspec.json.decode(rows[0]["columns"], type=list[Column])
    everything = hashlib.sha256()
    samples = []
    for row in rows:
        if hashlib.sha256(row["data"]).hexdigest() != row["sha256"]:
            raise DatasetError(
                f"the stored values of sample {row['id']} ({row['name']!r}) differ from their SHA-256: "
                "the disk or the database is damaged; delete the sample and import it again"
            )
        labels = tuple(json.loads(row["labels"])) if row["labels"] else None
        if labels is None:
            labels = (row["label"],) * (row["rows"] if row["kind"] == FEATURES else 1)
        metadata = json.loads(row["metadata"]) if row["metadata"] else {}
        said = [row["category"], row["columns"], row["interval_ms"], row["rows"], labels, row["sha256"]]
        # It may say which rows validate; data without any keep the digest that they always had.
        said += [metadata] if metadata else []
        everything.update(json.dumps(said).encode() + b"\n")
        values = np.frombuffer(row["data"], dtype="<f4").astype(np.float32, copy=False)
        samples.append(
            Samples(
                sample_id=row["id"],
                category=row["category"],
                name=row["name"],
                interval_ms=row["interval_ms"],
                labels=labels,
                values=values.reshape(row["rows"], len(columns)),
                metadata=metadata,
            )
        )
    return Dataset(columns, samples, everything.hexdigest())


def cut_windows(values: FloatRows, size: int, step: int) -> FloatRows:
    """Cut a recording into windows; what is left over at its end is dropped.

    Parameters
    ----------
    values : ndarray, shape (rows, columns), float32
        The recording.
    size : int
        Rows of a window, 1 or more.
    step : int
        Rows from the start of one window to the start of the next, 1 or more.

    Returns
    -------
    ndarray, shape (windows, size, columns), float32
        A read-only view of `values`; no windows where the recording is too short.
    """
    if len(values) < size:
        return np.empty((0, size, values.shape[1]), np.float32)
    return np.lib.stride_tricks.sliding_window_view(values, size, axis=0)[::step].transpose(0, 2, 1)
