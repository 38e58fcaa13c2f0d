"""``trainerd export``: a model's file to C, without daemon or broker."""

from __future__ import annotations

from pathlib import Path

import click

from daemon.cli.ends import CallWrong, WorkFailed
from daemon.cli.options import json_option, print_json
from firmware_export.errors import FirmwareExportError, NameRefused
from firmware_export.naming import identifier

_FORMATS = ("c", "tflm", "cmake", "arduino", "esp-idf", "zephyr")


@click.command("export")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What its files and functions are called.")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to."
)
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="c", show_default=True)
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Names of outputs, or of an anomaly model's features, one a line.",
)
@click.option("--updatable", is_flag=True, help="Parameters apart from the code, for retrained models.")
@click.option("--flash", type=click.IntRange(min=1), help="Bytes of flash that it may take.")
@click.option("--ram", type=click.IntRange(min=1), help="Bytes of RAM that it may take.")
@json_option
def command(
    model: Path,
    name: str,
    out: Path,
    format_: str,
    labels: Path | None,
    updatable: bool,
    flash: int | None,
    ram: int | None,
    as_json: bool,
) -> None:
    """Write the int8 model in MODEL as C, and say what it costs.

    MODEL is a .tflite file, from wherever, or the model_int8.npz of a K-means or GMM version.
    Nothing is written where the model is not supported or a budget does not hold.
    """
    # Reading models takes numpy, which no other command needs.
    from daemon.packaging import export_model
    from firmware_export.packages.table import Options

    try:
        names = tuple(labels.read_text(encoding="utf-8").splitlines()) if labels else ()
        options = Options(format_, names, updatable, flash, ram)
        found, written = export_model(model, identifier(name), out, options)
    except (NameRefused, UnicodeDecodeError) as error:
        raise CallWrong(str(error)) from None
    except FirmwareExportError as error:
        raise WorkFailed(error.message) from None
    except OSError as error:
        raise WorkFailed(str(error)) from None
    if as_json:
        print_json(
            {
                "files": [str(path) for path in written],
                "flash": found.flash,
                "ram": found.ram,
                "scratch": found.scratch,
                "macs": found.macs,
                "layers": [
                    {"layer": layer.label, "shape": layer.shape, "macs": layer.macs, "weights": layer.weights}
                    for layer in found.layers
                ],
            }
        )
        return
    click.echo(f"{'layer':32} {'output':>16} {'MACs':>12} {'weights':>9}")
    for layer in found.layers:
        shape = "x".join(map(str, layer.shape))
        click.echo(f"{layer.label:32} {shape:>16} {layer.macs:12,} {layer.weights:9,}")
    click.echo(
        f"flash {found.flash:,} bytes: {found.parameters:,} of parameters, about {found.code:,} of code"
    )
    click.echo(
        f"RAM   {found.ram:,} bytes: {found.scratch:,} of scratch, {found.buffers:,} of buffers, "
        f"about {found.stack:,} of stack"
    )
    click.echo(f"{found.macs:,} multiplications an inference")
    for path in written:
        click.echo(path)
