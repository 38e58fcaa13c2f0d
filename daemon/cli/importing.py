"""``trainerd import``: CSV and NPZ files into a project."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.connection import Body, Daemon, connect
from daemon.cli.ends import CallWrong
from daemon.cli.options import ID, config_option, json_option, print_json, print_table

if TYPE_CHECKING:
    from daemon.cli.acquisitions import AcquisitionFile
    from daemon.cli.tables import Options, Recording

#: Largest body of one request, in bytes of JSON.
_CHUNK_BYTES = 4 * 1024 * 1024

CATEGORIES = ("training", "testing", "anomaly")


@click.command("import")
@click.argument("project", type=ID)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--category", type=click.Choice(CATEGORIES), default="training", show_default=True)
@click.option("--label", metavar="NAME", help="Label of everything in the files.")
@click.option("--label-column", metavar="NAME", help="Column that holds the labels.")
@click.option("--columns", metavar="A,B,...", help="Columns to take; all where left out.")
@config_option
@json_option
def command(
    project: int,
    files: tuple[Path, ...],
    category: str,
    label: str | None,
    label_column: str | None,
    columns: str | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Import CSV, NPZ, JSON or CBOR files into PROJECT.

    A CSV with a column `timestamp` (milliseconds, constant interval) is one recording of a time series; any
    other CSV is a feature table, one sample a row. An NPZ holds `X`, optionally `y`, `columns` and
    `interval_ms`. A JSON or CBOR file is one acquisition object, signed or not. A file named
    label.anything.csv gives the label where nothing else does. Importing the same file again adds nothing.
    """
    from daemon.cli.tables import Options, TableError

    if label is not None and label_column is not None:
        raise click.UsageError("--label and --label-column exclude each other.")
    chosen = tuple(name.strip() for name in columns.split(",")) if columns is not None else None
    options = Options(label, label_column, chosen)
    try:
        loaded = [load_file(path, category, options) for path in files]
    except (TableError, OSError) as error:
        raise CallWrong(f"nothing was imported: {error}") from None
    daemon = connect(config_path, offline=True)
    report = [send_file(daemon, project, file) for file in loaded]
    if as_json:
        print_json(report)
        return
    print_table(
        ("file", "category", "kind", "rows", "added", "columns"),
        [
            (row["file"], category, row["kind"], row["rows"], row["rowsAdded"], len(row["columns"]))
            for row in report
        ],
    )
    for row in report:
        if not row["rowsAdded"]:
            click.echo(f"{row['file']} was imported already: nothing was added")


@dataclass(frozen=True)
class LoadedFile:
    """A file that has been read and found good.

    Parameters
    ----------
    path : Path
        The file.
    category : str
        training, testing or anomaly.
    identity : str
        The same for the same content, name, category and options, and for nothing else.
    kind : str
        ``time-series`` or ``features``.
    columns : list of str
        Names of the columns.
    recordings, rows : int
        How many are in it.
    parts : iterable of Part
        What is sent.
    """

    path: Path
    category: str
    identity: str
    kind: str
    columns: list[str]
    recordings: int
    rows: int
    parts: Iterable[Part]


@dataclass(frozen=True)
class Part:
    """One request: its rows, its body, and members beside a body that is sent as it is."""

    rows: int
    body: Body
    beside: dict[str, str] | None = None


def load_file(path: Path, category: str, options: Options) -> LoadedFile:
    """Read a file to its last cell.

    Raises
    ------
    TableError
        Something in it cannot be imported.
    OSError
        It cannot be read.
    """
    from daemon.cli.acquisitions import SUFFIXES, read_acquisition
    from daemon.cli.tables import read

    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    told = [digest, path.name, category, options.label, options.label_column, options.columns]
    identity = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
    if path.suffix.lower() in SUFFIXES:
        return _of_acquisition(path, category, identity, read_acquisition(path, content, options))
    recordings = read(path, content, options)
    return LoadedFile(
        path,
        category,
        identity,
        "time-series" if recordings[0].interval_ms else "features",
        list(recordings[0].columns),
        len(recordings),
        sum(len(recording.values) for recording in recordings),
        (part for recording in recordings for part in _parts(recording)),
    )


def _of_acquisition(path: Path, category: str, identity: str, found: AcquisitionFile) -> LoadedFile:
    recording = found.recording
    columns = [column.name for column in recording.columns]
    part = Part(recording.rows, found.content, found.beside)
    return LoadedFile(path, category, identity, recording.kind, columns, 1, recording.rows, [part])


def send_file(daemon: Daemon, project: int, file: LoadedFile) -> dict[str, Any]:
    """Store what is in a file; sending the same file again adds nothing.

    Parameters
    ----------
    daemon : Daemon
        Where it goes.
    project : int
        Into which project.
    file : LoadedFile
        What `load_file` gave.

    Returns
    -------
    dict
        What is stored, and how many of its rows were not there before.
    """
    # A part that was sent before gets its first answer again: the id of a sample that was there already.
    newest = _newest_sample(daemon, project, file.category)
    samples, added = [], 0
    for number, part in enumerate(file.parts):
        request_id = f"import-{file.identity}-{number}"
        path = f"api/{project}/{file.category}/data"
        sample = daemon.post(path, part.body, request_id, part.beside)["sampleId"]
        samples.append(sample)
        added += part.rows if sample > newest else 0
    return {
        "file": str(file.path),
        "category": file.category,
        "kind": file.kind,
        "recordings": file.recordings,
        "rows": file.rows,
        "rowsAdded": added,
        "columns": file.columns,
        "sampleIds": samples,
    }


def _newest_sample(daemon: Daemon, project: int, category: str) -> int:
    """Id of the newest sample of a category, which is the highest; 0 where there is none."""
    path = f"api/{project}/raw-data"
    total = daemon.get(path, {"category": category, "limit": 0})["totalCount"]
    if not total:
        return 0
    (newest,) = daemon.get(path, {"category": category, "offset": total - 1, "limit": 1})["samples"]
    return int(newest["id"])


def _parts(recording: Recording) -> Iterator[Part]:
    """The requests for a recording: one for a time series, which stays whole; else as many as it takes."""
    rows = len(recording.values)
    if recording.interval_ms:
        step = rows
    else:
        longest = max((len(json.dumps(label)) + 2 for label in recording.labels or ()), default=0)
        step = max(1, (_CHUNK_BYTES - 65536) // (6 * len(recording.columns) + longest))
    for start in range(0, rows, step):
        end = min(start + step, rows)
        yield Part(end - start, _body(recording, start, end))


def _body(recording: Recording, start: int, end: int) -> Body:
    body: dict[str, Any] = {
        "payload": {
            "device_type": "import",
            "interval_ms": recording.interval_ms,
            "sensors": [{"name": name, "units": "N/A"} for name in recording.columns],
            "values_base64": base64.b64encode(recording.values[start:end].astype("<f4").tobytes()).decode(),
        },
        "fileName": recording.name,
    }
    if recording.label is not None:
        body["label"] = recording.label
    if recording.labels is not None:
        body["labels"] = list(recording.labels[start:end])
    return body
