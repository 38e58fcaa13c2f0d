"""Samples after they were stored: found, changed, deleted; each keeps its id whatever its neighbours do.

A row of a feature table is a sample, and many rows are one recording. What concerns one of them alone cuts
the recording there.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from daemon.data.index import FEATURES, store
from daemon.database import Database
from daemon.errors import NotFound


class Samples:
    """The samples of all projects. Changes happen inside the caller's transaction.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def edit_label(self, project_id: int, sample_id: int, label: str | None) -> None:
        """Give a sample another label, or none.

        Raises
        ------
        NotFound
            There is no such sample.
        """
        row, number = self._find(project_id, sample_id)
        if row["rows"] == 1 or row["kind"] != FEATURES:
            self._put({**row, "label": label, "labels": None})
            return
        labels = json.loads(row["labels"]) if row["labels"] else [row["label"]] * row["rows"]
        labels[number] = label
        self._put({**row, "labels": json.dumps(labels)})

    def rename(self, project_id: int, sample_id: int, name: str) -> None:
        """Give a sample another name; see `edit_label`."""
        self._put({**self._alone(project_id, sample_id), "name": name})

    def move(self, project_id: int, sample_id: int, category: str) -> None:
        """Put a sample into another category; see `edit_label`."""
        self._put({**self._alone(project_id, sample_id), "category": category})

    def set_metadata(self, project_id: int, sample_id: int, metadata: dict[str, str] | None) -> None:
        """Replace a sample's metadata; see `edit_label`."""
        encoded = json.dumps(metadata) if metadata else None
        self._put({**self._alone(project_id, sample_id), "metadata": encoded})

    def delete(self, project_id: int, sample_id: int) -> None:
        """Delete a sample; see `edit_label`."""
        self._drop(self._alone(project_id, sample_id)["id"])

    def delete_all(self, project_id: int, category: str | None = None) -> None:
        """Delete all samples of a project, or of one of its categories."""
        self._database.connection.execute(
            "DELETE FROM recording WHERE project_id = ? AND category = coalesce(?, category)",
            (project_id, category),
        )

    def delete_oldest(self, project_id: int, category: str, before: int, size: int) -> int:
        """Delete the oldest recordings of a category, none from id `before` on, until `size` bytes are free.

        Returns
        -------
        int
            The bytes that they had; less than `size` where there are no more.
        """
        freed = 0
        while freed < size:
            row = self._database.connection.execute(
                "SELECT id, bytes FROM recording WHERE project_id = ? AND category = ? AND id < ?"
                " ORDER BY id LIMIT 1",
                (project_id, category, before),
            ).fetchone()
            if row is None:
                break
            self._drop(row["id"])
            freed += row["bytes"]
        return freed

    def bytes_held(self, project_id: int | None = None) -> int:
        """What the recordings of a project, or of all, amount to."""
        where, arguments = ("", ()) if project_id is None else (" WHERE project_id = ?", (project_id,))
        held = self._database.connection.execute(f"SELECT sum(bytes) FROM recording{where}", arguments)
        return int(held.fetchone()[0] or 0)

    def _find(self, project_id: int, sample_id: int) -> tuple[dict[str, Any], int]:
        """The recording that holds a sample, and which of its samples that is."""
        row = self._database.connection.execute(
            "SELECT * FROM recording WHERE id <= ? ORDER BY id DESC LIMIT 1", (sample_id,)
        ).fetchone()
        if row is not None and row["project_id"] == project_id:
            number = sample_id - row["id"]
            if number < (row["rows"] if row["kind"] == FEATURES else 1):
                return dict(row), number
        raise NotFound(f"project {project_id} has no sample {sample_id}")

    def _alone(self, project_id: int, sample_id: int) -> dict[str, Any]:
        """The recording that holds a sample and nothing else, cut out of a larger one where need be."""
        row, number = self._find(project_id, sample_id)
        if row["kind"] != FEATURES or row["rows"] == 1:
            return row
        last = row["rows"]
        for start, stop in ((0, number), (number, number + 1), (number + 1, last)):
            if start < stop:
                self._put(_part(row, start, stop))
        return self._find(project_id, sample_id)[0]

    def _put(self, row: dict[str, Any]) -> None:
        store(self._database, row)

    def _drop(self, recording_id: int) -> None:
        self._database.connection.execute("DELETE FROM recording WHERE id = ?", (recording_id,))


def _part(row: dict[str, Any], start: int, stop: int) -> dict[str, Any]:
    """Rows of a feature table as a recording of their own; its id is that of its first sample."""
    width = len(row["data"]) // row["rows"]
    data = row["data"][start * width : stop * width]
    labels = json.loads(row["labels"])[start:stop] if row["labels"] else None
    # Values that the disk has damaged stay recognisable.
    whole = _sha256(row["data"]) == row["sha256"]
    return {
        **row,
        "id": row["id"] + start,
        "rows": stop - start,
        "labels": None if labels is None else json.dumps(labels),
        "sha256": _sha256(data) if whole else row["sha256"],
        "data": data,
    }


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
