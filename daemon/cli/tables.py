"""Data files as arrays: CSV and NPZ, checked to the last cell before anything is sent.

A CSV with a ``timestamp`` column is one recording of a time series; any other CSV is a feature table
with one sample a row. An NPZ holds ``X`` (rows x features, or rows x samples x axes), optionally
``y``, ``columns`` and ``interval_ms``; pickled objects are never read.
"""

from __future__ import annotations

import csv
import difflib
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

#: Share of the interval, and milliseconds on top, by which a timestamp may stray from its place.
_JITTER, _ROUNDING_MS = 0.01, 0.5

Floats = npt.NDArray[np.float32]


class TableError(Exception):
    """A data file that cannot be imported; the message names file, row and column."""


@dataclass(frozen=True)
class Options:
    """What the caller said about the files.

    Parameters
    ----------
    label : str or None
        Label of everything.
    label_column : str or None
        Column, or NPZ member, that holds the labels.
    columns : tuple of str or None
        Columns to take, in this order; all where left out.
    as_table : bool
        Take each row for itself even where there is a timestamp.
    """

    label: str | None = None
    label_column: str | None = None
    columns: tuple[str, ...] | None = None
    as_table: bool = False


@dataclass(frozen=True)
class Recording:
    """Rows that are stored as one sample, or as one sample each.

    Parameters
    ----------
    name : str
        Name of the sample.
    columns : tuple of str
        Names of the columns.
    values : ndarray of float32, shape (rows, columns)
        Finite numbers.
    interval_ms : float
        Time between rows; 0 for a feature table.
    label : str or None
        Label of all rows.
    labels : tuple of str or None
        Label of each row of a feature table, instead of `label`.
    """

    name: str
    columns: tuple[str, ...]
    values: Floats
    interval_ms: float
    label: str | None
    labels: tuple[str, ...] | None = None


def read(path: Path, content: bytes, options: Options) -> list[Recording]:
    """Take a data file apart.

    Parameters
    ----------
    path : Path
        Its name says the kind, and the label where nothing else does.
    content : bytes
        Its content.
    options : Options
        What the caller said.

    Raises
    ------
    TableError
        Something in the file cannot be imported.
    """
    try:
        if path.suffix.lower() == ".csv":
            return [_read_csv(path, content, options)]
        if path.suffix.lower() == ".npz":
            return list(_read_npz(path, content, options))
    except TableError as error:
        raise TableError(f"{path}: {error}") from None
    raise TableError(f"{path}: none of .csv, .npz, .json and .cbor")


def _read_csv(path: Path, content: bytes, options: Options) -> Recording:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"not UTF-8 at byte {error.start}") from None
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header)
        chosen = _choose(header, options, leave_out=("timestamp",))
        fast = None if options.label_column else _read_numbers(text[stream.tell() :], len(header))
        if fast is not None and (found := _from_numbers(path, header, chosen, fast, options)) is not None:
            return found
        rows, lines = _read_cells(reader, len(header))
    except csv.Error as error:
        raise TableError(f"line {reader.line_num}: {error}") from None
    return _from_cells(path, chosen, dict(zip(header, zip(*rows, strict=True), strict=True)), lines, options)


def _read_numbers(text: str, width: int) -> npt.NDArray[np.float64] | None:
    """All cells below the header as numbers, read in C; None where any of them is none.

    Reading cell by cell takes six times as long and, on a gateway, more memory than there is.
    """
    if not text.strip():
        return None
    try:
        numbers = np.loadtxt(io.StringIO(text), np.float64, comments=None, delimiter=",", ndmin=2)
    except ValueError:
        return None
    return numbers if numbers.shape[1] == width else None


def _from_numbers(
    path: Path, header: list[str], chosen: list[str], numbers: npt.NDArray[np.float64], options: Options
) -> Recording | None:
    """A file of nothing but good numbers; None where `_from_cells` is to say what is wrong."""
    with np.errstate(over="ignore"):
        values = numbers[:, [header.index(name) for name in chosen]].astype(np.float32)
    if not np.isfinite(values).all():
        return None
    if "timestamp" not in header or options.as_table:
        return _table(path, chosen, values, None, options)
    interval = _constant_interval(numbers[:, header.index("timestamp")])
    if interval is None:
        return None
    return Recording(path.stem, tuple(chosen), values, interval, options.label or label_of(path))


def _read_cells(reader: Any, width: int) -> tuple[list[list[str]], list[int]]:
    """Rows of text, and the line that each ends on."""
    rows: list[list[str]] = []
    lines: list[int] = []
    for row in reader:
        if not row:
            continue
        if len(row) != width:
            raise TableError(f"line {reader.line_num}: {len(row)} cells, but the header has {width}")
        rows.append(row)
        lines.append(reader.line_num)
    if not rows:
        raise TableError("no rows below the header")
    return rows, lines


def _from_cells(
    path: Path, chosen: list[str], cells: dict[str, tuple[str, ...]], lines: list[int], options: Options
) -> Recording:
    """A file with labels or other text, or with something wrong that is told with its place."""
    values = np.empty((len(lines), len(chosen)), np.float32)
    for index, name in enumerate(chosen):
        values[:, index] = _finite(name, _numbers(name, cells[name], lines), lines)
    labels = [cell.strip() for cell in cells[options.label_column]] if options.label_column else None
    if "timestamp" not in cells or options.as_table:
        return _table(path, chosen, values, labels, options)
    interval = _interval(_numbers("timestamp", cells["timestamp"], lines), lines)
    label = options.label or label_of(path)
    if labels is not None:
        if len(set(labels)) > 1:
            line = lines[next(i for i, found in enumerate(labels) if found != labels[0])]
            raise TableError(
                f"line {line}: a recording has one label, but column {options.label_column} changes"
            )
        label = labels[0]
    return Recording(path.stem, tuple(chosen), values, interval, label)


def _check_header(header: list[str]) -> None:
    if not header:
        raise TableError("empty file")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise TableError("the columns are not separated by commas")
    for name in header:
        if not name:
            raise TableError(f"column {header.index(name) + 1} has no name in the header")
        if header.count(name) > 1:
            raise TableError(f"two columns are named {name}")
    if all(is_number(name) for name in header):
        raise TableError("no header: the first line names the columns")


def _choose(header: Sequence[str], options: Options, leave_out: Sequence[str] = ()) -> list[str]:
    """The columns that hold features, in the order they were asked for."""
    for name in (*(options.columns or ()), *filter(None, [options.label_column])):
        if name not in header:
            raise TableError(f"no column {name}{_nearest(name, header)}")
    if options.columns is not None:
        if len(set(options.columns)) < len(options.columns):
            raise TableError("--columns names a column twice")
        return list(options.columns)
    chosen = [name for name in header if name not in (options.label_column, *leave_out)]
    if not chosen:
        raise TableError("no column is left to hold features")
    return chosen


def _numbers(name: str, cells: Sequence[str], lines: Sequence[int]) -> npt.NDArray[np.float64]:
    """A column as numbers; a cell that is none refuses the column by its name."""
    try:
        return np.array(list(map(float, cells)), np.float64)
    except ValueError:
        index = next(i for i, cell in enumerate(cells) if not is_number(cell))
        found = f"holds {cells[index]!r}" if cells[index].strip() else "is empty"
        raise TableError(
            f"column {name} is not numeric: line {lines[index]} {found}. Name it with --label-column, "
            "or leave it out with --columns"
        ) from None


def _finite(name: str, values: npt.NDArray[np.float64], lines: Sequence[int]) -> Floats:
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(single))
    if wrong.size:
        where = f"line {lines[wrong[0]]}, column {name}"
        value = values[wrong[0]]
        raise TableError(
            f"{where}: {value} is beyond float32"
            if np.isfinite(value)
            else f"{where}: {value} is not a number"
        )
    return single


def _constant_interval(times: npt.NDArray[np.float64]) -> float | None:
    """Milliseconds between the rows of a recording; None where they are not the same throughout."""
    if times.size < 2:
        return None
    interval = float(times[-1] - times[0]) / (times.size - 1)
    expected = times[0] + interval * np.arange(times.size)
    good = np.abs(times - expected) <= _JITTER * interval + _ROUNDING_MS
    return interval if interval > 0 and good.all() else None


def _interval(times: npt.NDArray[np.float64], lines: Sequence[int]) -> float:
    """The interval of a recording, or a refusal that names the odd row."""
    if times.size < 2:
        raise TableError("a recording needs two rows or more")
    interval = _constant_interval(times)
    if interval is not None:
        return interval
    steps = np.diff(times)
    usual = float(np.median(steps))
    odd = int(np.argmax(np.where(np.isfinite(steps), np.abs(steps - usual), np.inf))) + 1
    raise TableError(
        f"line {lines[odd]}, column timestamp: {steps[odd - 1]:g} ms after the row before, "
        f"but {usual:g} ms is usual; a recording has a constant interval"
    )


def _read_npz(path: Path, content: bytes, options: Options) -> Iterator[Recording]:
    arrays = _load_npz(content)
    if "X" not in arrays:
        raise TableError(f"no member X; there are {', '.join(sorted(arrays)) or 'none'}")
    values = arrays["X"]
    if values.dtype.kind not in "fiub" or values.ndim not in (2, 3, 4) or 0 in values.shape:
        raise TableError(
            f"X is {values.dtype} of shape {values.shape}, not numbers of rows x features, x samples x axes, "
            "or x height x width x channels"
        )
    if values.ndim == 4:
        # Images: each a row of a feature table, as an input block of type image reads it.
        values = values.reshape(len(values), -1)
    names = [str(name) for name in arrays["columns"].ravel()] if "columns" in arrays else None
    names = names or [f"f{index}" for index in range(values.shape[-1])]
    if len(names) != values.shape[-1] or len(set(names)) != len(names) or not all(names):
        raise TableError(f"columns holds {len(names)} names, not {values.shape[-1]} different ones")
    label_member = options.label_column or ("y" if "y" in arrays else None)
    if options.label_column and options.label_column not in arrays:
        raise TableError(f"no member {options.label_column}{_nearest(options.label_column, sorted(arrays))}")
    chosen = _choose(names, Options(columns=options.columns))
    values = values[..., [names.index(name) for name in chosen]]
    labels = _labels(label_member, arrays[label_member], len(values)) if label_member else None
    single = _all_finite(values, chosen)
    if values.ndim == 2:
        if "interval_ms" in arrays:
            raise TableError(
                "interval_ms belongs to an X of rows x samples x axes; leave it out of a feature table"
            )
        yield _table(path, chosen, single, labels, options)
        return
    interval = _npz_interval(arrays)
    for index, rows in enumerate(single):
        label = (
            labels[index] if labels is not None and options.label is None else options.label or label_of(path)
        )
        yield Recording(f"{path.stem}[{index}]", tuple(chosen), rows, interval, label)


def _load_npz(content: bytes) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise TableError(f"not an NPZ without pickled objects: {error}") from None


def _npz_interval(arrays: dict[str, npt.NDArray[Any]]) -> float:
    if "interval_ms" not in arrays:
        raise TableError("interval_ms is missing: milliseconds between the samples of X")
    given = arrays["interval_ms"]
    interval = float(given.ravel()[0]) if given.size == 1 and given.dtype.kind in "fiu" else 0.0
    if not (np.isfinite(interval) and interval > 0):
        raise TableError("interval_ms is not one number above 0")
    return interval


def _all_finite(values: npt.NDArray[Any], names: Sequence[str]) -> Floats:
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, np.float32)
    wrong = np.argwhere(~np.isfinite(single))
    if wrong.size:
        row, column = int(wrong[0][0]), names[int(wrong[0][-1])]
        value = values[tuple(wrong[0])]
        problem = "is beyond float32" if np.isfinite(value) else "is not a number"
        raise TableError(f"row {row}, column {column}: {value} {problem}")
    return single


def _labels(member: str, given: npt.NDArray[Any], rows: int) -> list[str]:
    if given.shape not in ((rows,), (rows, 1)) or given.dtype.kind not in "fiubU":
        raise TableError(
            f"{member} is {given.dtype} of shape {given.shape}; one label for each of {rows} rows is needed"
        )
    return [
        str(int(label)) if isinstance(label, (bool, float)) and float(label).is_integer() else str(label)
        for label in given.ravel().tolist()
    ]


def _table(
    path: Path, columns: Sequence[str], values: Floats, labels: Sequence[str] | None, options: Options
) -> Recording:
    if labels is not None and options.label is None:
        return Recording(path.stem, tuple(columns), values, 0.0, None, tuple(labels))
    return Recording(path.stem, tuple(columns), values, 0.0, options.label or label_of(path))


def label_of(path: Path) -> str | None:
    """``idle`` for ``idle.morning.csv``; nothing for ``morning.csv``."""
    parts = path.name.split(".")
    return parts[0] if len(parts) >= 3 and parts[0] else None


def is_number(text: str) -> bool:
    """Whether a cell can be read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _nearest(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f", did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"
