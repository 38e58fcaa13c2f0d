"""Frames in the database: rows in, rows out, and what does not go in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from daemon.data import frames as module
from daemon.data.atk_models import AtkModels
from daemon.data.frame_rows import choose_columns, digest, load_frame
from daemon.data.frames import Frame, FrameColumn, Frames
from daemon.database import FILE_NAME, Database
from daemon.errors import DatasetError, InvalidMember, NotFound, QuotaExceeded


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / FILE_NAME)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def frames(database: Database) -> Frames:
    return Frames(database)


def make(frames: Frames, *types: str) -> Frame:
    columns = [FrameColumn(f"c{number}", type_) for number, type_ in enumerate(types)]
    return frames.create(frames.new_id(), None, columns)


def test_rows_come_back_in_the_types_of_their_columns(frames: Frames) -> None:
    frame = make(frames, "float64", "int32")
    frame = frames.append(frame, [[0.1, 1], [-1e300, -(2**31)]])
    frame = frames.append(frame, [[2, 3.0]])
    assert frame == frames.get(frame.id)
    assert frame.rows == 3
    rows = frames.rows(frame, 0, 10)
    assert rows == [[0.1, 1], [-1e300, -(2**31)], [2.0, 3]]
    assert isinstance(rows[0][1], int)
    assert frames.rows(frame, 1, 1) == rows[1:2]
    assert frames.rows(frame, 3, 10) == []


def test_many_rows_are_kept_in_parts_and_read_across_them(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", 64)
    frame = frames.append(make(frames, "float64", "float64"), [[n, -n] for n in range(50)])
    frame = frames.append(frame, [[n, -n] for n in range(50, 53)])
    for offset in range(53):
        assert [row[0] for row in frames.rows(frame, offset, 7)] == list(range(offset, min(offset + 7, 53)))


def test_what_does_not_fit_its_column_is_refused_by_place(frames: Frames) -> None:
    frame = make(frames, "float64", "int32")
    with pytest.raises(InvalidMember, match=r"^rows\[1\]: has 1 values for 2 columns"):
        frames.append(frame, [[1, 2], [3]])
    with pytest.raises(InvalidMember, match=r"^rows\[0\]\[1\]: 2.5 is no int32 of c1"):
        frames.append(frame, [[1, 2.5]])
    with pytest.raises(InvalidMember, match=r"is no int32"):
        frames.append(frame, [[1, 2**31]])
    with pytest.raises(InvalidMember, match=r"^schema\[1\]\[0\]: c0 is already the name"):
        frames.create(frames.new_id(), None, [FrameColumn("c0", "int32")] * 2)


def test_there_is_room_for_so_many_frames_and_cells_only(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CELLS", 100_000)
    frames = Frames(database, max_frames=2, max_mb=1)
    full = frames.append(make(frames, "float64"), [[1]] * 100_000)
    with pytest.raises(QuotaExceeded, match="a frame holds at most 100000 cells: put the rest into another"):
        frames.append(full, [[1]])
    other = make(frames, "float64")
    with pytest.raises(QuotaExceeded, match="all frames together may hold 1 MiB: delete some"):
        frames.append(other, [[1]] * 40_000)
    with pytest.raises(QuotaExceeded, match=r"holds 2 frames already: delete some .*data.max_frames"):
        make(frames, "float64")
    frames.delete(full.id)
    assert frames.append(other, [[1]] * 40_000).rows == 40_000


def test_a_deleted_frame_is_gone_and_its_id_never_comes_again(frames: Frames) -> None:
    frame = frames.append(make(frames, "float64"), [[1]])
    frames.delete(frame.id)
    for step in (frames.get, frames.delete):
        with pytest.raises(NotFound, match=f"^there is no frame {frame.id}$"):
            step(frame.id)
    assert make(frames, "float64").id == frame.id + 1
    assert [found.id for found in frames.page(0, 10)] == [frame.id + 1]


def test_the_worker_reads_what_was_stored(database: Database, frames: Frames) -> None:
    frame = frames.append(make(frames, "float64", "int64"), [[0.1, 1], [0.2, 2]])
    found, rows = load_frame(database.path, frame.id)
    assert found == frame
    assert rows.tolist() == [[0.1, 1.0], [0.2, 2.0]]
    assert choose_columns(frame, rows, ["c1", "c0"]).tolist() == [[1.0, 0.1], [2.0, 0.2]]
    with pytest.raises(DatasetError, match="has no column 'x'; it has c0, c1"):
        choose_columns(frame, rows, ["x"])
    with pytest.raises(DatasetError, match=r"^frame 99 has been deleted$"):
        load_frame(database.path, 99)
    assert digest(["a"], rows) == digest(["a"], rows.copy())
    assert digest(["a"], rows) != digest(["a"], np.ascontiguousarray(rows[::-1]))


def test_models_are_named_after_type_and_id_unless_they_have_a_name(database: Database) -> None:
    models = AtkModels(database)
    assert models.create(None, "model:gmm").name == "gmm_1"
    assert models.create("Line 4", "model:k_means") == models.get(2)
    with pytest.raises(InvalidMember, match=r"^name: another model is called 'Line 4' already$"):
        models.create("Line 4", "model:gmm")
    assert [model.id for model in models.page(1, 5)] == [2]
    with pytest.raises(NotFound, match=r"^there is no model 3$"):
        models.get(3)
