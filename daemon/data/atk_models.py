"""ATK's models before and beside their versions: an id, a name and a type."""

from __future__ import annotations

import sqlite3

import msgspec

from daemon.database import Database
from daemon.errors import InvalidMember, NotFound


class AtkModel(msgspec.Struct, frozen=True):
    """A model; what it has learnt is in its versions, under its id as learn block of project 0."""

    id: int
    name: str
    type: str


class AtkModels:
    """The models of one device. Changes happen inside the caller's transaction.

    Parameters
    ----------
    database : Database
        Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str | None, type_: str) -> AtkModel:
        """Make a model that is still to be trained.

        Parameters
        ----------
        name : str or None
            Its name; one is made of type and id where it is left out.
        type_ : str
            ``model:gmm`` or ``model:k_means``.

        Raises
        ------
        InvalidMember
            Another model has that name.
        """
        connection = self._database.connection
        last = connection.execute("SELECT max(id) FROM atk_model").fetchone()[0]
        number = (last or 0) + 1
        model = AtkModel(number, name or f"{type_.removeprefix('model:')}_{number}", type_)
        try:
            connection.execute("INSERT INTO atk_model VALUES (?, ?, ?)", (model.id, model.name, model.type))
        except sqlite3.IntegrityError:
            raise InvalidMember("name", f"another model is called {model.name!r} already") from None
        return model

    def get(self, model_id: int) -> AtkModel:
        """One model.

        Raises
        ------
        NotFound
            There is no such model.
        """
        row = self._database.connection.execute(
            "SELECT id, name, type FROM atk_model WHERE id = ?", (model_id,)
        ).fetchone()
        if row is None:
            raise NotFound(f"there is no model {model_id}")
        return AtkModel(*row)

    def page(self, offset: int, count: int) -> list[AtkModel]:
        """Models, oldest first."""
        return [
            AtkModel(*row)
            for row in self._database.connection.execute(
                "SELECT id, name, type FROM atk_model ORDER BY id LIMIT ? OFFSET ?", (count, offset)
            )
        ]
