"""An int8 model, from its file to C in the form that a project's build expects."""

from __future__ import annotations

from pathlib import Path

from daemon.quantize.anomaly import load
from daemon.quantize.vectors import typical_rows, vectors
from firmware_export.anomaly import export_package
from firmware_export.errors import UnreadableModel
from firmware_export.figures import Figures
from firmware_export.networks.exporting import export_network
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
