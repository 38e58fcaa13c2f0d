"""Data files: what is taken, and what is refused with which words."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.cli.tables import Options, Recording, TableError, read


def csv(text: str, options: Options | None = None, name: str = "rows.csv") -> Recording:
    (recording,) = read(Path(name), text.encode(), options or Options())
    return recording


def npz(options: Options | None = None, **members: Any) -> list[Recording]:
    buffer = io.BytesIO()
    np.savez(buffer, **members)
    return read(Path("rows.npz"), buffer.getvalue(), options or Options())


def test_a_csv_without_timestamp_is_a_feature_table() -> None:
    table = csv("a,b\n1,2\n3.5,-4e2\n")
    assert table.columns == ("a", "b")
    assert table.values.dtype == np.float32
    assert table.values.tolist() == [[1, 2], [3.5, -400]]
    assert (table.interval_ms, table.label, table.labels, table.name) == (0, None, None, "rows")


def test_a_csv_with_timestamp_is_one_recording() -> None:
    recording = csv("timestamp,x\n0,1\n16,2\n32,3\n")
    assert recording.columns == ("x",)
    assert recording.interval_ms == 16


def test_timestamps_may_be_rounded_to_milliseconds() -> None:
    rows = "".join(f"{round(i * 10 / 3)},{i}\n" for i in range(301))
    assert csv("timestamp,x\n" + rows).interval_ms == pytest.approx(10 / 3, rel=1e-3)


def test_a_byte_order_mark_blank_lines_and_spaces_are_taken() -> None:
    table = csv("\ufeffa, b\r\n1, 2\r\n\r\n3, 4\r\n")
    assert table.columns == ("a", "b")
    assert table.values.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("name", "label"),
    [("idle.morning.csv", "idle"), ("morning.csv", None), ("a.b.c.csv", "a"), (".hidden.csv", None)],
)
def test_the_file_name_gives_the_label_when_nothing_else_does(name: str, label: str | None) -> None:
    assert csv("a\n1\n2\n", name=name).label == label
    assert csv("a\n1\n2\n", Options(label="said"), name=name).label == "said"


def test_a_label_column_labels_each_row() -> None:
    table = csv("a,what\n1,ok\n2,bad\n", Options(label_column="what"), name="idle.1.csv")
    assert table.columns == ("a",)
    assert table.labels == ("ok", "bad")
    assert table.label is None


def test_a_label_column_labels_a_whole_recording() -> None:
    recording = csv("timestamp,a,what\n0,1,ok\n5,2,ok\n", Options(label_column="what"))
    assert (recording.label, recording.labels) == ("ok", None)


def test_columns_are_taken_in_the_order_asked_for() -> None:
    table = csv("a,b,c\n1,x,3\n", Options(columns=("c", "a")))
    assert table.columns == ("c", "a")
    assert table.values.tolist() == [[3, 1]]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", Options(), "empty file"),
        ("a,b\n", Options(), "no rows"),
        ("1,2\n3,4\n", Options(), "no header"),
        ("a;b\n1;2\n", Options(), "not separated by commas"),
        ("a,a\n1,2\n", Options(), "two columns are named a"),
        ("a,\n1,2\n", Options(), "column 2 has no name"),
        ("a,b\n1,2\n3\n", Options(), "line 3: 1 cells, but the header has 2"),
        ("a,kind\n1,x\n", Options(), "column kind is not numeric: line 2 holds 'x'"),
        ("a,b\n1,\n", Options(), "column b is not numeric: line 2 is empty"),
        ("a,b\n1,2\n3,nan\n", Options(), "line 3, column b: nan is not a number"),
        ("a,b\n1,2\n-inf,4\n", Options(), "line 3, column a: -inf is not a number"),
        ("a\n1e300\n", Options(), "line 2, column a: 1e+300 is beyond float32"),
        ("speed\n1\n", Options(columns=("sped",)), "no column sped, did you mean speed?"),
        ("a\n1\n", Options(label_column="zzz"), "no column zzz; there are a"),
        ("a,b\n1,2\n", Options(columns=("a", "a")), "names a column twice"),
        ("what\nok\n", Options(label_column="what"), "no column is left"),
        ("timestamp,x\n0,1\n", Options(), "two rows or more"),
        ("timestamp,x\n0,1\n10,2\n40,3\n50,4\n", Options(), "line 4, column timestamp: 30 ms after"),
        ("timestamp,x\n0,1\n0,2\n", Options(), "0 ms after the row before"),
        ("timestamp,x\n0,1\nnow,2\n", Options(), "column timestamp is not numeric"),
        ("timestamp,x,w\n0,1,a\n5,2,b\n", Options(label_column="w"), "line 3: a recording has one label"),
        ('a\n"1\n', Options(), "line 2"),
    ],
)
def test_a_wrong_csv_is_refused_with_its_place(text: str, options: Options, words: str) -> None:
    with pytest.raises(TableError) as refused:
        csv(text, options)
    assert words in str(refused.value)
    assert str(refused.value).startswith("rows.csv: ")


def test_other_encodings_and_kinds_are_refused() -> None:
    with pytest.raises(TableError, match="not UTF-8 at byte 2"):
        read(Path("rows.csv"), b"a\n\xff\n", Options())
    with pytest.raises(TableError, match=r"none of \.csv, \.npz"):
        read(Path("rows.xlsx"), b"", Options())


def test_an_npz_of_rows_is_a_feature_table() -> None:
    (table,) = npz(X=np.arange(6).reshape(3, 2), y=np.array([0, 1, 0]), columns=np.array(["u", "v"]))
    assert table.columns == ("u", "v")
    assert table.labels == ("0", "1", "0")
    assert table.interval_ms == 0


def test_an_npz_of_samples_is_a_recording_for_each_row() -> None:
    first, second = npz(X=np.ones((2, 5, 3), np.int16), y=np.array(["on", "off"]), interval_ms=2.5)
    assert first.values.shape == (5, 3)
    assert first.columns == ("f0", "f1", "f2")
    assert (first.label, second.label) == ("on", "off")
    assert (first.interval_ms, first.name) == (2.5, "rows[0]")


def test_an_npz_of_images_is_a_feature_table_of_their_pixels() -> None:
    (table,) = npz(X=np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3), y=np.array(["cat", "dog"]))
    assert table.values.tolist() == np.arange(24).reshape(2, 12).tolist()
    assert (table.interval_ms, table.labels) == (0, ("cat", "dog"))


def test_columns_and_labels_of_an_npz_can_be_chosen() -> None:
    options = Options(columns=("f1",), label_column="label")
    (table,) = npz(options, X=np.array([[1.0, 2.0]]), label=np.array([True]))
    assert (table.values.tolist(), table.labels) == ([[2.0]], ("1",))


@pytest.mark.parametrize(
    ("members", "options", "words"),
    [
        ({"Y": [1]}, Options(), "no member X; there are Y"),
        ({"X": [1.0, 2.0]}, Options(), "shape (2,)"),
        ({"X": [["a"]]}, Options(), "X is <U1"),
        ({"X": np.zeros((0, 3))}, Options(), "shape (0, 3)"),
        ({"X": [[1.0, np.nan]]}, Options(), "row 0, column f1: nan is not a number"),
        ({"X": [[1.0]], "y": [1, 2]}, Options(), "one label for each of 1 rows"),
        ({"X": [[1.0, 2.0]], "columns": ["a"]}, Options(), "1 names, not 2 different ones"),
        ({"X": [[1.0, 2.0]], "columns": ["a", "a"]}, Options(), "not 2 different ones"),
        ({"X": [[1.0]], "interval_ms": 5}, Options(), "leave it out of a feature table"),
        ({"X": np.zeros((1, 4, 2))}, Options(), "interval_ms is missing"),
        ({"X": np.zeros((1, 4, 2)), "interval_ms": -1.0}, Options(), "not one number above 0"),
        ({"X": [[1.0]]}, Options(label_column="z"), "no member z"),
        ({"X": [[1.0]]}, Options(columns=("f9",)), "no column f9"),
    ],
)
def test_a_wrong_npz_is_refused_with_its_place(members: dict[str, Any], options: Options, words: str) -> None:
    with pytest.raises(TableError) as refused:
        npz(options, **members)
    assert words in str(refused.value)


def test_pickles_are_never_read() -> None:

    buffer = io.BytesIO()
    np.savez(buffer, X=np.array([{"a": 1}], object))
    with pytest.raises(TableError, match="without pickled objects"):
        read(Path("rows.npz"), buffer.getvalue(), Options())
    with pytest.raises(TableError, match="not an NPZ"):
        read(Path("rows.npz"), b"no zip at all", Options())
