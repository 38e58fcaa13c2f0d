"""A .tflite file to a project's files: the straight line from bytes to text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from firmware_export.figures import Figures
from firmware_export.networks import ir
from firmware_export.networks.dead_channels import clean
from firmware_export.networks.emit_header import header
from firmware_export.networks.emit_source import source
from firmware_export.networks.emit_vectors import vectors_header
from firmware_export.networks.figures import figures
from firmware_export.networks.read_tflite import read
from firmware_export.networks.simulate import run
from firmware_export.networks.tflite_array import tflite_array
from firmware_export.packages.network import package_network
from firmware_export.packages.table import Options, write

_VECTOR_BYTES = 65536
_MOST_VECTORS = 8


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
    inputs = sample_inputs(network)
    model = package_network(
        cleaned,
        name,
        found,
        options.labels,
        header=header(cleaned, name, made.plan.size),
        source=made.text,
        vectors=vectors_header(inputs, run(cleaned, inputs), name),
        tflite=tflite_array(data, network, name) if options.format == "tflm" else None,
    )
    return found, write(model, out_dir, options)


def sample_inputs(network: ir.Network) -> ir.Int8:
    """Inputs for the test vectors: noise, and both ends of the range; fewer where they are long."""
    length = network.values[network.input].size
    count = min(_MOST_VECTORS, max(2, _VECTOR_BYTES // length))
    rows = np.random.default_rng(0).integers(-128, 128, (count, length)).astype(np.int8)
    rows[0], rows[1] = 127, -128
    if count > 2:
        rows[2] = np.clip(rows[2] // 4 + network.input_quantization.zero_point, -128, 127)
    return rows
