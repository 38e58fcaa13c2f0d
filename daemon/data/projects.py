"""Projects: their impulse and the stored settings of their learn blocks."""

from __future__ import annotations

import json
from typing import Any

from daemon.data.index import utc_now
from daemon.database import Database
from daemon.errors import NotFound, QuotaExceeded, Unavailable


class Projects:
    """The projects of one device. Changes happen inside the caller's transaction.

    Parameters
    ----------
    database : Database
        Where they are kept.
    max_projects : int
        Most projects.
    """

    def __init__(self, database: Database, max_projects: int = 1000) -> None:
        self._database = database
        self._max_projects = max_projects

    def appear(self, project_id: int) -> None:
        """Let a project appear, where it is not there yet.

        Raises
        ------
        QuotaExceeded
            There would be too many.
        Unavailable
            An earlier project of that id is still being deleted.
        """
        connection = self._database.connection
        if connection.execute("SELECT 1 FROM project WHERE id = ?", (project_id,)).fetchone():
            return
        if project_id in self.removals():
            raise Unavailable(
                f"the files of the deleted project {project_id} could not be removed yet: try later"
            )
        (count,) = connection.execute("SELECT count(*) FROM project").fetchone()
        if count >= self._max_projects:
            raise QuotaExceeded(
                f"the device holds {count} projects already: delete one (post api/{{projectId}}/delete), "
                "or raise data.max_projects"
            )
        connection.execute("INSERT INTO project (id, created) VALUES (?, ?)", (project_id, utc_now()))

    def created(self, project_id: int) -> str:
        """When a project appeared.

        Raises
        ------
        NotFound
            It is not known.
        """
        row = self._database.connection.execute(
            "SELECT created FROM project WHERE id = ?", (project_id,)
        ).fetchone()
        if row is None:
            raise NotFound(f"project {project_id} is not known: import data into it, or post its impulse")
        return str(row[0])

    def delete(self, project_id: int) -> None:
        """Forget a project: its recordings, impulse and settings; its files are noted for `removals`."""
        connection = self._database.connection
        for table in ("recording", "block"):
            connection.execute(f"DELETE FROM {table} WHERE project_id = ?", (project_id,))
        connection.execute("DELETE FROM project WHERE id = ?", (project_id,))
        connection.execute("INSERT OR IGNORE INTO removal VALUES (?)", (project_id,))

    def removals(self) -> list[int]:
        """Projects that are deleted and whose files may still be there."""
        return [row[0] for row in self._database.connection.execute("SELECT project_id FROM removal")]

    def removed(self, project_id: int) -> None:
        """The files of a deleted project are gone."""
        self._database.connection.execute("DELETE FROM removal WHERE project_id = ?", (project_id,))

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
        self.created(project_id)
        row = self._database.connection.execute(
            "SELECT impulse FROM project WHERE id = ?", (project_id,)
        ).fetchone()
        if row["impulse"] is None:
            raise NotFound(f"project {project_id} has no impulse yet: post api/{project_id}/impulse first")
        impulse: dict[str, Any] = json.loads(row["impulse"])
        return impulse

    def set_impulse(self, project_id: int, impulse: dict[str, Any]) -> None:
        """Replace the impulse of a project; the project appears with it."""
        self.appear(project_id)
        self._database.connection.execute(
            "UPDATE project SET impulse = ? WHERE id = ?", (json.dumps(impulse), project_id)
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
