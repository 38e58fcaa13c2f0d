"""A .tflite file to a project's files: the straight line from bytes to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_export.networks import ir
from firmware_export.networks.dead_channels import clean
from firmware_export.networks.emit_header import header
from firmware_export.networks.emit_source import source
from firmware_export.networks.emit_vectors import vectors_header
from firmware_export.networks.figures import Figures, check_budget, figures
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run
from firmware_export.networks.tflite_array import tflite_array
from firmware_export.packages import arduino, cmake, esp_idf, plain, zephyr
from firmware_export.packages.model import PackagedModel

_VECTOR_BYTES = 65536
_MOST_VECTORS = 8

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
        Names of the outputs, for classifiers.
    updatable : bool
        Parameters apart from the code, which then holds for any weights of the shapes.
    flash, ram : int, optional
        Bytes that are allowed.
    """

    format: str = "c"
    labels: tuple[str, ...] = ()
    updatable: bool = False
    flash: int | None = None
    ram: int | None = None


def export_network(data: bytes, name: str, out_dir: Path, options: Options) -> tuple[Figures, list[Path]]:
    """Write a network.

    Parameters
    ----------
    data : bytes
        The .tflite file.
    name : str
        The model's identifier, from :func:`firmware_export.naming.identifier`.
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
        The model cannot be read, cannot be exported, or does not fit.
    """
    network = read(data)
    cleaned = network if options.updatable else clean(network)
    made = source(cleaned, name, options.labels, updatable=options.updatable)
    found = figures(cleaned, made)
    check_budget(found, options.flash, options.ram)
    inputs = sample_inputs(network)
    model = PackagedModel(
        name=name,
        header=header(cleaned, name, made.plan.size),
        source=made.text,
        vectors=vectors_header(inputs, run(cleaned, inputs), name),
        tflite=tflite_array(data, network, name) if options.format == "tflm" else None,
        network=cleaned,
        figures=found,
        labels=options.labels,
    )
    written = []
    for relative, content in FORMATS[options.format](model).items():
        path = out_dir / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(path)
    return found, written


def sample_inputs(network: ir.Network) -> ir.Int8:
    """Inputs for the test vectors: noise, and both ends of the range; fewer where they are long."""
    length = network.values[network.input].size
    count = min(_MOST_VECTORS, max(2, _VECTOR_BYTES // length))
    rows = np.random.default_rng(0).integers(-128, 128, (count, length)).astype(np.int8)
    rows[0], rows[1] = 127, -128
    if count > 2:
        rows[2] = np.clip(rows[2] // 4 + network.input_quantization.zero_point, -128, 127)
    return rows
