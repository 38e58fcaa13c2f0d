"""What a learn block sees: columns by name, windows interleaved, blocks side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from daemon.data.dataset import Samples
from daemon.data.index import Column
from daemon.dsp.features import Features, extract_features
from daemon.dsp.outputs import learn_block_outputs, learn_block_shape, learn_block_window
from daemon.dsp.table import DSP_TYPES
from daemon.errors import DatasetError
from daemon.wire.edge_impulse import Impulse, LearnBlock
from daemon.wire.members import convert

COLUMNS = [Column("x", "g"), Column("y", "g"), Column("t", "C")]
TABLE = {"id": 1, "type": "features"}
SERIES = {"id": 1, "type": "time-series", "windowSizeMs": 20, "windowIncreaseMs": 10, "frequencyHz": 100}


def impulse(
    source: dict[str, Any], *dsp: dict[str, Any], used: list[int] | None = None
) -> tuple[Impulse, LearnBlock]:
    learn = {"id": 7, "type": "anomaly", "dsp": used or [block["id"] for block in dsp]}
    whole = {"inputBlocks": [source], "dspBlocks": list(dsp), "learnBlocks": [learn]}
    return convert(whole, Impulse), convert(learn, LearnBlock)


def samples(rows: int, interval_ms: float = 0, name: str = "a.csv", start: int = 0) -> Samples:
    values = np.arange(start, start + rows * 3, dtype=np.float32).reshape(rows, 3)
    labels = ("l",) if interval_ms else tuple(f"l{row}" for row in range(rows))
    return Samples(1, "training", name, interval_ms, labels, values)


def names(whole: tuple[Impulse, LearnBlock]) -> list[str]:
    return [output.name for output in learn_block_outputs(*whole, COLUMNS)]


def extract(whole: tuple[Impulse, LearnBlock], *recordings: Samples) -> Features:
    return extract_features(*whole, COLUMNS, recordings)


def test_a_table_gives_the_named_columns_in_their_order() -> None:
    whole = impulse(TABLE, {"id": 2, "type": "raw", "axes": ["t", "x"]})
    assert learn_block_outputs(*whole, COLUMNS) == [COLUMNS[2], COLUMNS[0]]
    features = extract(whole, samples(2))
    assert features.rows.tolist() == [[2, 0], [5, 3]]
    assert features.labels == ["l0", "l1"]
    assert features.place(1) == "row 1 (from 0) of 'a.csv'"


def test_axes_left_out_means_all_columns() -> None:
    whole = impulse(TABLE, {"id": 2, "type": "raw"})
    assert names(whole) == ["x", "y", "t"]
    assert extract(whole, samples(2)).rows.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_window_is_interleaved_by_time_step() -> None:
    whole = impulse(SERIES, {"id": 2, "type": "raw", "axes": ["x", "y"]})
    assert names(whole) == ["x[0]", "y[0]", "x[1]", "y[1]"]
    features = extract(whole, samples(3, 10), samples(2, 10, "b.csv", start=100))
    assert features.rows.tolist() == [[0, 1, 3, 4], [3, 4, 6, 7], [100, 101, 103, 104]]
    assert features.labels == ["l", "l", "l"]
    assert [features.place(row) for row in (1, 2)] == [
        "row 1 (from 0) of 'a.csv'",
        "row 0 (from 0) of 'b.csv'",
    ]


def test_a_recording_shorter_than_a_window_gives_nothing() -> None:
    features = extract(impulse(SERIES, {"id": 2, "type": "raw"}), samples(1, 10))
    assert features.rows.shape == (0, 6)
    assert features.labels == []
    assert features.places == []


def test_blocks_stand_side_by_side_in_the_order_of_the_learn_block() -> None:
    blocks = ({"id": 2, "type": "raw", "axes": ["x"]}, {"id": 3, "type": "raw", "axes": ["t", "y"]})
    whole = impulse(TABLE, *blocks, used=[3, 2])
    assert names(whole) == ["t", "y", "x"]
    assert extract(whole, samples(1)).rows.tolist() == [[2, 1, 0]]


@pytest.mark.parametrize(("increase", "step"), [(None, 2), (10, 1), (1, 1), (40, 4)])
def test_the_increase_moves_the_window(increase: float | None, step: int) -> None:
    source = {**SERIES, "windowIncreaseMs": increase}
    assert learn_block_window(*impulse(source, {"id": 2, "type": "raw"})).step == step


def test_a_column_that_is_not_there_is_named() -> None:
    whole = impulse(TABLE, {"id": 2, "type": "raw", "axes": ["x", "z"]})
    with pytest.raises(
        DatasetError, match="DSP block 2 uses the column 'z', the project's data has: x, y, t"
    ):
        names(whole)


@pytest.mark.parametrize(
    ("source", "dsp", "used", "message"),
    [
        (TABLE, {"id": 2, "type": "raw"}, [9], "learn block 7 uses DSP block 9, which is not there"),
        (TABLE, {"id": 2, "type": "fft"}, [2], "DSP block 2 is of type 'fft', known are: raw"),
        (TABLE, {"id": 2, "type": "raw", "input": 5}, [2], "reads input block 5, which is not there"),
        (
            {"id": 1, "type": "time-series"},
            {"id": 2, "type": "raw"},
            [2],
            "needs windowSizeMs and frequencyHz",
        ),
        (
            {**SERIES, "windowSizeMs": 4},
            {"id": 2, "type": "raw"},
            [2],
            "a window of 4 ms holds no row at 100 Hz",
        ),
    ],
)
def test_an_inconsistent_impulse_is_told(
    source: dict[str, Any], dsp: dict[str, Any], used: list[int], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        names(impulse(source, dsp, used=used))


def test_data_of_another_kind_or_rate_is_told() -> None:
    raw = {"id": 2, "type": "raw"}
    with pytest.raises(
        DatasetError, match=r"'a\.csv' is a time series, the input block is of type 'features'"
    ):
        extract(impulse(TABLE, raw), samples(9, 10))
    with pytest.raises(
        DatasetError, match=r"'a\.csv' is a feature table, the input block is of type 'time-series'"
    ):
        extract(impulse(SERIES, raw), samples(9))
    with pytest.raises(DatasetError, match=r"a row every 20 ms, .* every 10 ms: set its frequencyHz to 50"):
        extract(impulse(SERIES, raw), samples(9, 20))


@pytest.mark.parametrize("kind", DSP_TYPES)
def test_every_block_gives_as_many_outputs_as_it_names(kind: str) -> None:
    for source, interval in ((TABLE, 0), (SERIES, 10)):
        whole = impulse(source, {"id": 2, "type": kind})
        assert extract(whole, samples(7, interval)).rows.shape[1] == len(names(whole))


def image(width: int, height: int, **members: Any) -> tuple[Impulse, LearnBlock]:
    source = {"id": 1, "type": "image", "imageWidth": width, "imageHeight": height, **members}
    return impulse(source, {"id": 2, "type": "image"})


def test_an_image_keeps_its_rows_columns_and_channels() -> None:
    assert learn_block_shape(*image(3, 1), COLUMNS) == (1, 3, 1)
    assert learn_block_shape(*image(1, 1), COLUMNS) == (1, 1, 3)
    assert learn_block_shape(*impulse(TABLE, {"id": 2, "type": "raw"}), COLUMNS) == (3,)


def test_pixels_become_shares_of_255() -> None:
    rows = extract(image(3, 1), samples(2)).rows
    np.testing.assert_allclose(rows, np.arange(6).reshape(2, 3) / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (image(2, 1), r"an image of 2 x 1 has 2 values, or 6 in colour, and learn block 7 sees 3"),
        (image(3, 1, imageHeight=None), r"input block 1: images need imageWidth and imageHeight"),
    ],
)
def test_rows_that_are_no_such_image_are_refused(whole: tuple[Impulse, LearnBlock], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        learn_block_shape(*whole, COLUMNS)
