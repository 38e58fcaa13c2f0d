"""The database file: versions, transactions, a full disk."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from daemon.data.samples import Samples
from daemon.database import Database, open_read_only
from daemon.errors import DatabaseDamaged, DiskFull, SchemaTooNew
from daemon.schema import MIGRATIONS


def test_a_file_of_a_newer_version_is_refused_and_left_alone(database: Database) -> None:
    newer = len(MIGRATIONS) + 1
    database.connection.execute(f"PRAGMA user_version = {newer}")
    database.close()
    with pytest.raises(SchemaTooNew, match=rf"schema {newer}.*knows up to {len(MIGRATIONS)}.*newer version"):
        Database(database.path).open()
    with sqlite3.connect(database.path) as found:
        assert found.execute("PRAGMA user_version").fetchone()[0] == newer
    found.close()


def test_what_was_committed_is_there_after_opening_again(database: Database) -> None:
    with database.transaction():
        database.set_meta("a", "1")
        with database.transaction():
            database.set_meta("b", "2")
    with pytest.raises(RuntimeError), database.transaction():
        database.set_meta("a", "3")
        raise RuntimeError
    database.close()
    again = Database(database.path)
    again.open()
    assert (again.meta("a"), again.meta("b"), again.meta("c")) == ("1", "2", None)
    again.close()


def test_commits_survive_a_power_cut(database: Database) -> None:
    """What SQLite promises for these two settings."""
    assert database.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert database.connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_only_the_daemon_may_read_the_file(database: Database) -> None:
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600


def test_a_worker_cannot_write(database: Database) -> None:
    reader = open_read_only(database.path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("INSERT INTO meta VALUES ('a', 'b')")
    reader.close()


def test_a_full_disk_is_told_and_nothing_is_half_written(database: Database) -> None:
    database.connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(DiskFull, match="free some space"), database.transaction():
        database.set_meta("kept", "no")
        for number in range(10_000):
            database.set_meta(f"key {number}", "x" * 100)
    assert database.meta("kept") is None
    database.connection.execute("PRAGMA max_page_count = 100000")
    with database.transaction():
        database.set_meta("kept", "yes")
    assert database.meta("kept") == "yes"


def test_a_directory_that_is_not_there_is_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        Database(tmp_path / "nowhere" / "trainerd.db").open()


@pytest.mark.parametrize("content", [b"not a database" * 1000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "trainerd.db"
    path.write_bytes(content)
    damaged = Database(path)
    with pytest.raises(DatabaseDamaged, match=r"trainerd\.db is damaged: "):
        damaged.open()
    damaged.close()
    assert path.read_bytes() == content


def test_an_older_file_is_laid_out_so_that_room_can_be_given_back(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    old = sqlite3.connect(path, isolation_level=None)
    for number, statements in enumerate(MIGRATIONS[:3]):
        old.executescript(f"BEGIN; {statements}; PRAGMA user_version = {number + 1}; COMMIT")
    values = bytes(12 * 50_000)
    row = {
        "id": 1, "project_id": 1, "category": "training", "kind": "features", "name": "old", "columns": "[]",
        "interval_ms": 0, "rows": 50_000, "added": "", "sha256": "", "data": values,
    }  # fmt: skip
    old.execute(f"INSERT INTO recording ({', '.join(row)}) VALUES (:{', :'.join(row)})", row)
    old.close()
    database = Database(path)
    database.open()
    # Values, the name, and two brackets.
    assert Samples(database).bytes_held(1) == len(values) + 3 + 2
    with database.transaction():
        Samples(database).delete_all(1)
    free = database.free_pages()
    # A row's first bytes share a page with others; the rest of 600,000 fills 146 pages.
    assert free == 146
    database.give_back(100)
    assert database.free_pages() == free - 100
    database.give_back(free)
    database.close()
    assert path.stat().st_size < len(values) // 4, "what is left are empty tables"
