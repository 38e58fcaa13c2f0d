"""The one table of formats, and how a package is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware_export.figures import check_budget
from firmware_export.packages import arduino, cmake, esp_idf, plain, zephyr
from firmware_export.packages.model import PackagedModel

FORMATS: Mapping[str, Callable[[PackagedModel], dict[str, bytes]]] = {
    "c": plain.files,
    "tflm": plain.tflm_files,
    "cmake": cmake.files,
    "arduino": arduino.files,
    "esp-idf": esp_idf.files,
    "zephyr": zephyr.files,
}
"""What can be written, and what writes it: a model to files by their relative names."""


@dataclass(frozen=True)
class Options:
    """How to export.

    Attributes
    ----------
    format : str
        One of `FORMATS`.
    labels : tuple of str
        Names of a classifier's outputs, or of an anomaly model's features.
    updatable : bool
        For networks: parameters apart from the code, which then holds for any weights of the shapes. Anomaly
        models are so always.
    flash, ram : int, optional
        Bytes that are allowed.
    """

    format: str = "c"
    labels: tuple[str, ...] = ()
    updatable: bool = False
    flash: int | None = None
    ram: int | None = None


def write(model: PackagedModel, out_dir: Path, options: Options) -> list[Path]:
    """Write a package.

    Parameters
    ----------
    model : PackagedModel
    out_dir : Path
        Made where it is not there.
    options : Options

    Returns
    -------
    list of Path
        The files; same input, same bytes.

    Raises
    ------
    OverBudget
        The model takes more than is allowed; nothing is written.
    UnsupportedModel
        The model has not what the format shows; nothing is written.
    """
    check_budget(model.figures, options.flash, options.ram)
    written = []
    for relative, content in FORMATS[options.format](model).items():
        path = out_dir / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
    return written
