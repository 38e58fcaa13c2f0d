"""A daemon whose database is damaged, gone, older or newer, as it starts."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from daemon.schema import MIGRATIONS
from tests.harness import Broker, Client, Daemon, wait_until
from tests.scenario import GMM, IMPULSE, KMEANS, acquisition, set_up_project, train, wait_for_end

SCHEMA_2 = Path(__file__).parent / "fixtures" / "schema-2.sql"
#: Rows that fill some pages, so that damage can strike between them.
MANY = [[number + 0.5, -number, 7] for number in range(1000)]
RECORDINGS = 60


@pytest.fixture
def daemon(broker: Broker, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that has not been started yet."""
    made = Daemon(tmp_path, broker.port, device=f"state-{tmp_path.name[-40:]}".replace(".", "-"))
    made.write_config()
    yield made
    made.stop()


class Filled(NamedTuple):
    """A state directory, and the id of the job that it knows."""

    path: Path
    job_id: int


@pytest.fixture(scope="module")
def filled(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A stopped daemon's: a project with settings and a model, and another one with many rows."""
    daemon = Daemon(tmp_path_factory.mktemp("filled"), broker.port, device="filled")
    daemon.start()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/jobs/#")
        set_up_project(client)
        assert client.request("post", f"api/1/training/anomaly/{GMM}", {"clusterCount": 5}).status == 200
        job_id = train(client)
        wait_for_end(client, job_id)
        for _ in range(RECORDINGS - 1):
            assert client.request("post", "api/2/training/data", acquisition(MANY)).status == 200
    assert daemon.stop() == 0
    return Filled(daemon.state_dir, job_id)


def fill(daemon: Daemon, filled: Filled) -> None:
    """Put the state directory in place."""
    shutil.copytree(filled.path, daemon.state_dir, dirs_exist_ok=True, symlinks=True)


def loss(client: Client) -> dict[str, Any]:
    """What the device tells of damage."""
    message = client.wait_for("the event", lambda m: m.topic == f"{client.root}/events/database-damaged")
    told: dict[str, Any] = json.loads(message.payload)
    return told


def check_that_settings_are_back(client: Client, job_id: int) -> None:
    """The project is as it was, its model is in use, and the next job has an id that none had before."""
    blocks = client.request("get", "api/1/impulse").body["impulse"]["learnBlocks"]
    assert [block["id"] for block in blocks] == [KMEANS, GMM]
    assert client.request("get", f"api/1/training/anomaly/{GMM}").body["clusterCount"] == 5
    assert client.request("get", f"api/1/models/{KMEANS}").body["current"] == 1
    if client.request("get", "api/1/raw-data", {"category": "training"}).body["totalCount"] == 0:
        assert client.request("post", "api/1/training/data", acquisition()).status == 200
    assert train(client) > job_id


def test_a_destroyed_database_is_set_aside_and_the_settings_are_back(daemon: Daemon, filled: Filled) -> None:
    fill(daemon, filled)
    garbage = b"flash wears out" * 1000
    (daemon.state_dir / "trainerd.db").write_bytes(garbage)
    with daemon.client() as client:
        client.subscribe(f"{client.root}/events/#")
        daemon.start()
        told = loss(client)
        assert (told["projectsRestored"], told["recordingsRestored"], told["recordingsLost"]) == (2, 0, None)
        assert Path(told["movedTo"]).read_bytes() == garbage
        assert Path(told["movedTo"]).is_relative_to(daemon.state_dir / "quarantine")
        check_that_settings_are_back(client, filled.job_id)
    assert "is damaged" in daemon.log() and "Traceback" not in daemon.log()


def test_recordings_outside_the_damaged_pages_come_back(daemon: Daemon, filled: Filled) -> None:
    fill(daemon, filled)
    path = daemon.state_dir / "trainerd.db"
    damage(path, table="job")
    damage(path, table="recording", row=10_000)
    with daemon.client() as client:
        client.subscribe(f"{client.root}/events/#")
        daemon.start()
        told = loss(client)
        assert told["projectsRestored"] == 2
        assert told["recordingsRestored"] in (RECORDINGS - 2, RECORDINGS - 1)
        assert client.request("get", "api/1/raw-data", {"category": "training"}).body["totalCount"] == 60
        check_that_settings_are_back(client, filled.job_id)


def damage(path: Path, table: str, row: int | None = None) -> None:
    """Overwrite a page of a table in the middle: its root, or the end of the row of that id."""
    with sqlite3.connect(path) as database:
        page_size = database.execute("PRAGMA page_size").fetchone()[0]
        if row is None:
            place = (
                database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
                - 1
            ) * page_size
        else:
            data = database.execute(f"SELECT data FROM {table} WHERE id >= ? ORDER BY id", (row,)).fetchone()[
                0
            ]
            place = path.read_bytes().index(data[-200:])
    database.close()
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 150)


def test_damage_that_shows_while_the_daemon_runs_ends_it_and_the_next_start_repairs(
    daemon: Daemon, filled: Filled
) -> None:
    fill(daemon, filled)
    daemon.start()
    process = daemon.process
    assert process is not None
    size = (daemon.state_dir / "trainerd.db").stat().st_size
    with (daemon.state_dir / "trainerd.db").open("r+b") as file:
        # All but the pages that every request reads.
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))
    with daemon.client() as client:
        refused = client.request("get", "api/2/raw-data", {"category": "training", "limit": 1000})
        assert (refused.status, refused.body["code"]) == (500, "internal")
    assert process.wait(30) == 1
    assert "is damaged: the next start repairs it" in daemon.log()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/events/#")
        daemon.start()
        assert loss(client)["projectsRestored"] == 2
        check_that_settings_are_back(client, filled.job_id)


def test_damage_that_a_worker_meets_ends_job_and_daemon_and_the_next_start_repairs(
    daemon: Daemon, filled: Filled
) -> None:
    """Recordings are not read at a start, and a training is their only reader."""
    fill(daemon, filled)
    path = daemon.state_dir / "trainerd.db"
    with sqlite3.connect(path) as database:
        (data,) = database.execute("SELECT data FROM recording WHERE id > 20000 ORDER BY id").fetchone()
    database.close()
    with path.open("r+b") as file:
        # The first bytes of an overflow page lead to the next one.
        place = path.read_bytes().index(data[5000:5100])
        file.seek(place - place % 4096)
        file.write(b"\xff\xff\xff\xff")
    with daemon.client() as client:
        client.subscribe(f"{client.root}/#")
        daemon.start()
        process = daemon.process
        assert process is not None
        impulse = client.request("get", "api/1/impulse").body["impulse"]
        assert client.request("post", "api/2/impulse", impulse).status == 200
        job = wait_for_end(client, train(client, project=2))
        assert (job["state"], job["error"]["code"]) == ("FAILED", "database_damaged")
        assert process.wait(30) == 1
        daemon.start()
        assert loss(client)["recordingsRestored"] == RECORDINGS - 1


def test_a_database_that_is_gone_is_made_anew_from_the_last_good_settings(
    daemon: Daemon, filled: Filled
) -> None:
    fill(daemon, filled)
    for file in daemon.state_dir.glob("trainerd.db*"):
        file.unlink()
    with daemon.client() as client:
        client.subscribe(f"{client.root}/events/#")
        daemon.start()
        assert loss(client)["movedTo"] is None
        check_that_settings_are_back(client, filled.job_id)


def test_no_more_than_two_damaged_databases_are_kept(daemon: Daemon) -> None:
    for number in range(4):
        (daemon.state_dir / "trainerd.db").write_bytes(b"%d" % number * 10_000)
        daemon.start(wait=False)
        wait_until("the socket", daemon.socket.exists)
        assert daemon.stop() == 0
    kept = sorted((daemon.state_dir / "quarantine").iterdir())
    assert [(entry / "trainerd.db").read_bytes()[:1] for entry in kept] == [b"2", b"3"]


def older(daemon: Daemon) -> Path:
    """Put the database of the released version into the state directory."""
    path = daemon.state_dir / "trainerd.db"
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA_2.read_text())
    database.close()
    return path


def test_an_upgrade_keeps_everything_and_a_copy_of_the_file_before(daemon: Daemon) -> None:
    path = older(daemon)
    before = contents(path)
    daemon.start()
    with daemon.client() as client:
        jobs = client.request("get", "jobs").body["jobs"]
        assert [(job["id"], job["state"]) for job in jobs] == [
            (row["id"], row["state"]) for row in before["job"][::-1]
        ]
        blocks = client.request("get", "api/1/impulse").body["impulse"]["learnBlocks"]
        assert blocks == IMPULSE["learnBlocks"]
        assert client.request("get", f"api/1/training/anomaly/{KMEANS}").body["clusterCount"] == 3
        assert client.request("get", "api/1/raw-data", {"category": "training"}).body["totalCount"] == 60
        assert client.request("get", "v1/frames/1", {"count": 9}).body["rows"] == [[1, 2], [3, 4], [5, 6]]
        client.subscribe(f"{client.root}/jobs/#")
        assert train(client) == before["job"][-1]["id"] + 1
    assert daemon.stop() == 0
    kept = daemon.state_dir / "backups" / "schema-2.db"
    assert contents(kept) == before
    with sqlite3.connect(kept) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (2,)
    copy.close()
    with sqlite3.connect(path) as migrated:
        assert migrated.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    migrated.close()


def contents(path: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables."""
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {table: [dict(row) for row in database.execute(f"SELECT * FROM {table}")] for table in tables}
    database.close()
    return found


def test_an_answer_given_before_the_upgrade_is_given_again_after_it(daemon: Daemon) -> None:
    before = contents(older(daemon))
    identity = next(row["identity"] for row in before["request"] if "the-request" in row["identity"])
    daemon.start()
    with daemon.client() as client:
        # The identity names the reply topic of who sent it then.
        client.reply_topic = json.loads(identity)[0].removesuffix("/fixed")
        client.subscribe(f"{client.reply_topic}/#")
        job_id = train(client, request_id="the-request")
    assert job_id == before["job"][0]["id"]


def test_a_downgrade_is_refused_and_changes_nothing(daemon: Daemon) -> None:
    path = older(daemon)
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    content = path.read_bytes()
    daemon.start(wait=False)
    assert daemon.process is not None
    # 2 tells systemd that trying again is of no use.
    assert daemon.process.wait(30) == 2
    said = daemon.log()
    assert f"has schema {len(MIGRATIONS) + 1}, this version knows up to {len(MIGRATIONS)}" in said
    assert "install the newer version again" in said and "Traceback" not in said
    assert path.read_bytes() == content
    assert not (daemon.state_dir / "backups").exists()


def test_an_upgrade_that_was_cut_off_is_done_again(daemon: Daemon) -> None:
    path = older(daemon)
    backups = daemon.state_dir / "backups"
    backups.mkdir()
    (backups / "schema-2.db.part").write_bytes(b"half")
    shutil.copy(path, backups / "schema-1.db")
    daemon.start()
    assert daemon.stop() == 0
    assert [entry.name for entry in backups.iterdir()] == ["schema-2.db"]
