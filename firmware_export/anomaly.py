"""An integer anomaly model to C99: header, source, test vectors."""

from __future__ import annotations

from pathlib import Path

from firmware_export.emit_header import header
from firmware_export.emit_source import source
from firmware_export.emit_vectors import vectors_header
from firmware_export.figures import Figures
from firmware_export.ir import TestVectors
from firmware_export.packages.anomaly import package_anomaly
from firmware_export.packages.table import Options, write
from firmware_export.read_anomaly import read


def export(model: Path, name: str, out_dir: Path, vectors: TestVectors | None = None) -> list[Path]:
    """Write the C of a model.

    Parameters
    ----------
    model : Path
        ``model_int8.npz``; the threshold is in it.
    name : str
        The model's identifier, from :func:`firmware_export.naming.identifier`.
    out_dir : Path
        Made where it is not there.
    vectors : TestVectors, optional
        Rows with their outputs, for ``<name>_test_vectors.h``.

    Returns
    -------
    list of Path
        The files written; same input, same bytes.

    Raises
    ------
    FirmwareExportError
        The model cannot be read or has no C.
    """
    ir = read(model)
    texts = {f"{name}.h": header(ir, name), f"{name}.c": source(ir, name)}
    if vectors is not None:
        texts[f"{name}_test_vectors.h"] = vectors_header(vectors, name)
    out_dir.mkdir(parents=True, exist_ok=True)
    written = []
    for file_name, text in texts.items():
        path = out_dir / file_name
        path.write_text(text, encoding="ascii", newline="\n")
        written.append(path)
    return written


def export_package(
    model: Path, name: str, vectors: TestVectors, out_dir: Path, options: Options
) -> tuple[Figures, list[Path]]:
    """Write a model as a package that drops into a project.

    Parameters
    ----------
    model : Path
        ``model_int8.npz``.
    name : str
        The model's identifier.
    vectors : TestVectors
        Rows with their outputs, for the self-test.
    out_dir : Path
        Made where it is not there; nothing is written where an error is raised.
    options : Options

    Returns
    -------
    Figures, list of Path
        What it costs, and the files; same input, same bytes.

    Raises
    ------
    FirmwareExportError
        The model cannot be read, has no such format, or does not fit.
    """
    packaged = package_anomaly(read(model), name, vectors, options.labels)
    return packaged.figures, write(packaged, out_dir, options)
