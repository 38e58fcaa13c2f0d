"""An int8 model, from its file to C in the form that a project's build expects."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from daemon.errors import ExportError
from daemon.pipeline import Emitter
from daemon.quantize.anomaly import load
from daemon.quantize.vectors import typical_rows, vectors
from daemon.wire.worker import BuildSpec
from firmware_export.anomaly import export_package
from firmware_export.errors import FirmwareExportError, UnreadableModel
from firmware_export.figures import Figures
from firmware_export.networks.exporting import export_network
from firmware_export.packages.archive import archive
from firmware_export.packages.table import Options

#: How files of anomaly models end; every other file is taken for a network.
ANOMALY_SUFFIX = ".npz"


def export_model(model: Path, name: str, out_dir: Path, options: Options) -> tuple[Figures, list[Path]]:
    """Write a model in one of the formats.

    Parameters
    ----------
    model : Path
        ``model_int8.npz`` of a version, or an int8 ``.tflite`` file.
    name : str
        The model's identifier, from `firmware_export.naming.identifier`.
    out_dir : Path
        Made where it is not there; nothing is written where an error is raised.
    options : Options
        Format, names, budgets.

    Returns
    -------
    Figures, list of Path
        What it costs, and the files; same input, same bytes.

    Raises
    ------
    FirmwareExportError
        The model cannot be read, cannot be exported, or does not fit.
    OSError
        A file cannot be read or written.
    """
    if model.suffix != ANOMALY_SUFFIX:
        return export_network(model.read_bytes(), name, out_dir, options)
    try:
        integer = load(model)
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise UnreadableModel(f"{model} cannot be read as an integer anomaly model: {error}") from error
    return export_package(model, name, vectors(integer, typical_rows(integer)), out_dir, options)


def run(spec: BuildSpec, emit: Emitter) -> dict[str, Any]:
    """Package a version's model as one zip file, in the worker process.

    Parameters
    ----------
    spec : BuildSpec
        The job; its ``staging_dir`` holds the zip file alone afterwards, on disk.
    emit : Emitter
        Hears of stages.

    Returns
    -------
    dict
        The job's result: ``file`` (its name as a file of the version), ``size``, ``sha256``, and
        what the model costs.

    Raises
    ------
    ExportError
        The model cannot be written in that format.
    """
    emit.progress("build", 0.0)
    with tempfile.TemporaryDirectory(dir=Path(spec.staging_dir).parent) as name:
        out_dir = Path(name)
        try:
            found, written = export_model(
                Path(spec.model_file), spec.name, out_dir, Options(spec.format, tuple(spec.labels))
            )
        except FirmwareExportError as error:
            raise ExportError(error.message) from error
        files = {path.relative_to(out_dir).as_posix(): path.read_bytes() for path in written}
    # A library for Arduino is a zip file already.
    zipped = next(iter(files.values())) if spec.format == "arduino" else archive(files)
    with (Path(spec.staging_dir) / spec.file_name).open("wb") as file:
        file.write(zipped)
        file.flush()
        os.fsync(file.fileno())
    emit.progress("build", 1.0)
    return {
        "file": f"builds/{spec.file_name}",
        "size": len(zipped),
        "sha256": hashlib.sha256(zipped).hexdigest(),
        "flash": found.flash,
        "ram": found.ram,
        "macs": found.macs,
    }
