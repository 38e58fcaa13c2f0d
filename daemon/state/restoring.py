"""Putting a backup back: unpacked beside what is there and checked, then swapped with it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from daemon.database import FILE_NAME
from daemon.durable import sync
from daemon.errors import ArchiveInvalid, StateError
from daemon.jobs.store import first_job_id
from daemon.schema import MIGRATIONS, check, tables
from daemon.state.archive import Contents, read_archive
from daemon.state.lock import locked
from daemon.state.swap import RESTORED, UNPACKING, finish_restore

#: What may lie in a state directory that counts as empty.
_EMPTY = frozenset({"lock", "reserve", UNPACKING, "lost+found"})


def restore(archive: Path, state: Path, *, replace: bool) -> Contents:
    """Put a backup back.

    Parameters
    ----------
    archive : Path
        What `daemon.state.archive.write_archive` made.
    state : Path
        The state directory; made where it is missing.
    replace : bool
        Whether what is there may go.

    Raises
    ------
    ArchiveInvalid
        The archive is damaged, or a newer version made it; nothing was changed.
    StateError
        A daemon runs on the state directory, or it is not empty and must not be replaced.
    OSError
        There is no room, for example; nothing was changed.
    """
    state.mkdir(mode=0o750, parents=True, exist_ok=True)
    with locked(state):
        finish_restore(state)
        present = sorted(entry.name for entry in state.iterdir() if entry.name not in _EMPTY)
        if present and not replace:
            raise StateError(
                f"{state} is not empty ({', '.join(present)}): "
                "name another state_dir, or say --replace to have it replaced"
            )
        unpacking = state / UNPACKING
        try:
            contents = _unpack(archive, unpacking)
            _give_to_owner(unpacking, state.stat())
            _sync_tree(unpacking)
        except BaseException:
            shutil.rmtree(unpacking, ignore_errors=True)
            raise
        unpacking.rename(state / RESTORED)
        sync(state)
        finish_restore(state)
    return contents


def _unpack(archive: Path, directory: Path) -> Contents:
    shutil.rmtree(directory, ignore_errors=True)
    for name in ("projects", "jobs"):
        (directory / name).mkdir(mode=0o750, parents=True)

    def take(name: str, content: Iterator[bytes] | str) -> None:
        path = directory / name
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        if isinstance(content, str):
            path.symlink_to(content)
            return
        with path.open("xb") as file:
            for block in content:
                file.write(block)

    contents = read_archive(archive, take)
    if contents.schema > len(MIGRATIONS):
        raise ArchiveInvalid(
            f"{archive} was made by version {contents.version}, with schema {contents.schema}; "
            f"this version knows up to {len(MIGRATIONS)}: install that version"
        )
    _prepare(directory / FILE_NAME, archive)
    return contents


def _prepare(path: Path, archive: Path) -> None:
    """Check the database, and see to it that no id of a job is given twice: some were since the backup."""
    path.chmod(0o600)
    database = sqlite3.connect(path, isolation_level=None)
    try:
        check(database, tables(database))
        row = database.execute("SELECT value FROM meta WHERE key = 'last_job_id'").fetchone()
        if row is not None:
            following = first_job_id(int(row[0]))
            database.execute("UPDATE meta SET value = ? WHERE key = 'last_job_id'", (str(following),))
    except sqlite3.DatabaseError as error:
        raise ArchiveInvalid(f"{archive}: its database is damaged: {error}") from error
    finally:
        database.close()


def _give_to_owner(directory: Path, owner: os.stat_result) -> None:
    """Root restores for the daemon's user, whose directory it is."""
    if os.geteuid() == 0:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _sync_tree(directory: Path) -> None:
    for path in (*directory.rglob("*"), directory):
        if not path.is_symlink():
            sync(path)
