"""The copy of the settings: written when they change, whole or not taken."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from daemon.data.projects import Projects
from daemon.database import FILE_NAME, Database
from daemon.state import last_good
from daemon.state.last_good import LastGood

IMPULSE = {"learnBlocks": [{"id": 7, "type": "anomaly", "name": "Größe"}]}


def opened(directory: Path) -> Database:
    database = Database(directory / FILE_NAME)
    directory.mkdir(exist_ok=True)
    database.open()
    return database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A database with a project."""
    made = opened(tmp_path)
    with made.transaction():
        Projects(made).set_impulse(1, IMPULSE)
        Projects(made).set_settings(1, 7, {"clusterCount": 3})
        made.set_meta("signer:ops-1", "17")
    return made


def copy_of(tmp_path: Path) -> Path:
    return tmp_path / last_good.FILE_NAME


def test_what_was_copied_comes_back(tmp_path: Path, database: Database) -> None:
    LastGood(tmp_path).keep(database)
    empty = opened(tmp_path / "new")
    assert LastGood(tmp_path).put_back(empty) == 1
    assert Projects(empty).impulse(1) == IMPULSE
    assert Projects(empty).settings(1, 7) == {"clusterCount": 3}
    # Who signed a request before must not be able to send it again.
    assert empty.meta("signer:ops-1") == "17"


def test_nothing_is_written_where_nothing_that_lasts_has_changed(tmp_path: Path, database: Database) -> None:
    keeper = LastGood(tmp_path)
    keeper.keep(database)
    before = copy_of(tmp_path).stat().st_ino
    with database.transaction():
        database.set_meta("last_job_id", "5")
    keeper.keep(database)
    assert copy_of(tmp_path).stat().st_ino == before
    with database.transaction():
        Projects(database).set_settings(1, 7, {"clusterCount": 4})
    keeper.keep(database)
    assert copy_of(tmp_path).stat().st_ino != before


def test_a_damaged_copy_is_not_taken_the_one_before_it_is(tmp_path: Path, database: Database) -> None:
    keeper = LastGood(tmp_path)
    keeper.keep(database)
    with database.transaction():
        Projects(database).set_settings(1, 7, {"clusterCount": 4})
    keeper.keep(database)
    content = json.loads(copy_of(tmp_path).read_bytes())
    content["tables"]["block"][0]["settings"] = "{}"
    copy_of(tmp_path).write_text(json.dumps(content))
    empty = opened(tmp_path / "new")
    assert LastGood(tmp_path).put_back(empty) == 1
    assert Projects(empty).settings(1, 7) == {"clusterCount": 3}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sha256": "", "tables": 5}', b"\xff\x00"])
def test_nonsense_is_no_copy(tmp_path: Path, content: bytes) -> None:
    copy_of(tmp_path).write_bytes(content)
    assert LastGood(tmp_path).put_back(opened(tmp_path / "new")) == 0


def test_a_full_disk_leaves_the_copy_before_and_is_tried_again(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = LastGood(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        keeper.keep(database)
        assert not copy_of(tmp_path).exists()
    keeper.keep(database)
    assert copy_of(tmp_path).exists()
