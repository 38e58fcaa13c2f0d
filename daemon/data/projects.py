"""Projects: their impulse and the stored settings of their learn blocks."""

from __future__ import annotations

import json
from typing import Any

from daemon.data.index import utc_now
from daemon.database import Database
from daemon.errors import NotFound


class Projects:
    """The projects of one device. Changes happen inside the caller's transaction.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def ids(self) -> list[int]:
        """All projects, in the order of their ids."""
        return [row[0] for row in self._database.connection.execute("SELECT id FROM project ORDER BY id")]

    def impulse(self, project_id: int) -> dict[str, Any]:
        """The impulse of a project, with the members as they came.

        Raises
        ------
        NotFound
            The project is not known, or has no impulse yet.
        """
        row = self._database.connection.execute(
            "SELECT impulse FROM project WHERE id = ?", (project_id,)
        ).fetchone()
        if row is None:
            raise NotFound(f"project {project_id} is not known: import data into it, or post its impulse")
        if row["impulse"] is None:
            raise NotFound(f"project {project_id} has no impulse yet: post api/{project_id}/impulse first")
        impulse: dict[str, Any] = json.loads(row["impulse"])
        return impulse

    def set_impulse(self, project_id: int, impulse: dict[str, Any]) -> None:
        """Replace the impulse of a project; the project appears with it."""
        self._database.connection.execute(
            "INSERT INTO project VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET impulse = excluded.impulse",
            (project_id, utc_now(), json.dumps(impulse)),
        )

    def learn_block(self, project_id: int, learn_id: int) -> dict[str, Any]:
        """A learn block of a project's impulse.

        Raises
        ------
        NotFound
            There is none of that id.
        """
        blocks = self.impulse(project_id)["learnBlocks"]
        for block in blocks:
            if block["id"] == learn_id:
                found: dict[str, Any] = block
                return found
        present = ", ".join(str(block["id"]) for block in blocks)
        raise NotFound(f"project {project_id} has no learn block {learn_id}; it has {present}")

    def settings(self, project_id: int, learn_id: int) -> dict[str, Any]:
        """Stored settings of a learn block."""
        row = self._database.connection.execute(
            "SELECT settings FROM block WHERE project_id = ? AND learn_id = ?", (project_id, learn_id)
        ).fetchone()
        return {} if row is None else dict(json.loads(row["settings"]))

    def set_settings(self, project_id: int, learn_id: int, settings: dict[str, Any]) -> None:
        """Replace the stored settings of a learn block."""
        self._database.connection.execute(
            "INSERT OR REPLACE INTO block VALUES (?, ?, ?)", (project_id, learn_id, json.dumps(settings))
        )
