"""Random damage to a database: whatever it is, the next start has the settings, and nothing raises."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from daemon.data.index import Column, DataIndex, Recording, pack
from daemon.data.projects import Projects
from daemon.database import Database
from daemon.state import repair, salvage
from daemon.state.last_good import LastGood
from daemon.state.opening import open_database
from daemon.state.reserve import Reserve

IMPULSE = {"learnBlocks": [{"id": 7}]}
SETTINGS = {"clusterCount": 3}
#: Spots that are overwritten in one file.
FEW, MANY = 3, 50


def opened(directory: Path) -> Database:
    return open_database(directory, Reserve(directory / "reserve"), LastGood(directory))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with settings, answers and recordings on some 60 pages."""
    directory = tmp_path_factory.mktemp("whole")
    database = opened(directory)
    with database.transaction() as connection:
        Projects(database).set_impulse(1, IMPULSE)
        Projects(database).set_settings(1, 7, SETTINGS)
        for number in range(40):
            values = pack([[number, row] for row in range(300)])
            DataIndex(database).add(1, "training", Recording([Column("a"), Column("b")], 0, values))
            answer = (f"id {number}", b"digest", 200, b"y" * 200, number)
            connection.execute("INSERT INTO request VALUES (?, ?, ?, ?, ?)", answer)
    LastGood(directory).keep(database)
    database.close()
    return directory


def damaged(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    kind = rng.choice(["spots", "page", "cut", "zeros"])
    place = rng.randrange(len(data))
    if kind == "spots":
        for _ in range(rng.choice([1, FEW, MANY])):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == "page":
        place -= place % 4096
        data[place : place + 4096] = rng.randbytes(4096)
    elif kind == "cut":
        del data[place:]
    else:
        end = min(len(data), place + rng.randrange(20_000))
        data[place:end] = bytes(end - place)
    return bytes(data)


def test_no_damage_costs_the_settings(whole: Path, tmp_path: Path) -> None:
    rng = random.Random(5)
    content = (whole / "trainerd.db").read_bytes()
    set_aside = 0
    for number in range(60):
        directory = tmp_path / str(number)
        shutil.copytree(whole, directory)
        (directory / "trainerd.db").write_bytes(damaged(content, rng))
        database = opened(directory)
        assert Projects(database).impulse(1) == IMPULSE
        assert Projects(database).settings(1, 7) == SETTINGS
        with database.transaction():
            database.set_meta("written", "yes")
        database.close()
        set_aside += (directory / "quarantine").exists()
        shutil.rmtree(directory)
    # Most of the file is recordings, whose damage shows when they are read.
    assert 15 <= set_aside <= 45


class _Cut(BaseException):
    """A power cut."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("damage", ["garbage", "gone"])
def test_a_repair_that_is_cut_off_is_carried_on(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, damage: str
) -> None:
    places: list[tuple[object, str]] = [
        (repair, "begin"),
        (repair, "set_aside"),
        (LastGood, "put_back"),
        (salvage, "salvage"),
        (repair, "fill"),
        (repair, "end"),
        (LastGood, "keep"),
    ]
    garbage = b"flash wears out" * 1000
    for number, (owner, name) in enumerate(places):
        directory = tmp_path / str(number)
        shutil.copytree(whole, directory)
        (directory / "trainerd.db").unlink()
        if damage == "garbage":
            (directory / "trainerd.db").write_bytes(garbage)
        step = getattr(owner, name)

        def cut(*arguments: object, step: Any = step) -> None:
            if when == "after":
                step(*arguments)
            raise _Cut

        with monkeypatch.context() as patched:
            patched.setattr(owner, name, cut)
            if damage == "garbage" or name != "salvage":
                with pytest.raises(_Cut):
                    opened(directory)
        database = opened(directory)
        assert Projects(database).settings(1, 7) == SETTINGS
        assert repair.untold_loss(database) is not None
        database.close()
        assert not repair.is_under_way(directory)
        kept = [path.read_bytes() for path in directory.glob("quarantine/*/trainerd.db")]
        assert kept == ([garbage] if damage == "garbage" else [])
