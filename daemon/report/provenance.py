"""What a version takes, where it comes from, and what lies beside its report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.report.figures import quantity, size
from daemon.report.markup import Content, element, join, named, plain
from daemon.report.material import Material
from daemon.report.page import facts, paragraph, table

#: Inputs and characters of a request that are shown at most; all of them are in the manifest.
_MOST_INPUTS = 32
_MOST_REQUEST = 1200


def inputs(material: Material) -> list[Content]:
    """Each input with its unit, its place in the training rows, and the step of its integer."""
    listed = material.manifest["inputs"]
    reciprocal = material.manifest["quantization"]["reciprocal"]
    body = [
        [
            join(
                named(entry["label"]),
                element("small", f"axis {entry['axis']}", *_units(entry["units"])),
            ),
            quantity(entry["mean"]),
            quantity(entry["scale"]),
            quantity(1.0 / steps),
        ]
        for entry, steps in zip(listed[:_MOST_INPUTS], reciprocal, strict=False)
    ]
    return [
        paragraph(
            "In the order in which the model and its C take them. Mean and deviation are what the model "
            "standardises with; a step is the smallest difference that the integer model sees."
        ),
        table(_input_caption(len(listed)), ("Input", "Mean", "Deviation", "Step"), body),
    ]


def _units(units: str) -> list[Content]:
    return [] if units == "N/A" else [", in ", named(units, 16)]


#: Where an input has no unit.
_NO_UNIT = "–"


def listed_inputs(listed: Sequence[Mapping[str, Any]]) -> list[Content]:
    """Each input of a network with its unit."""
    body = [
        [
            f"{entry['axis']}",
            named(entry["label"]),
            _NO_UNIT if entry["units"] == "N/A" else named(entry["units"]),
        ]
        for entry in listed[:_MOST_INPUTS]
    ]
    return [
        paragraph("In the order in which the network and its C take them."),
        table(_input_caption(len(listed)), ("No.", "Input", "Unit"), body, kind="words"),
    ]


def _input_caption(count: int) -> str:
    if count > _MOST_INPUTS:
        return f"The first {_MOST_INPUTS} of {count:,} inputs; all are in manifest.json"
    return "All inputs"


def provenance(material: Material) -> list[Content]:
    """Data, request, seed and packages of an anomaly model; the version's files."""
    data, settings = material.manifest["data"], material.manifest["settings"]
    counted: list[tuple[str, Content]] = [
        ("Training rows", f"{data['trainingRows']:,}"),
        ("Other normal rows", f"{data['normalRows']:,}"),
        ("Recorded anomalies", f"{data['anomalousRows']:,}"),
    ]
    options = [(name, value) for name, value in settings.items() if name not in {"axes", "stored"}]
    return origin(material.manifest, material.files, "model_int8.npz", counted, options)


def origin(
    manifest: Mapping[str, Any],
    files: Mapping[str, Mapping[str, Any]],
    integer_file: str,
    counted: Sequence[tuple[str, Content]],
    options: Sequence[tuple[str, Any]],
) -> list[Content]:
    """Data, request, seed and packages; the version's files.

    Parameters
    ----------
    manifest, files
        As the version's manifest has them.
    integer_file : str
        Name of the file that holds the integer model.
    counted : sequence of (str, Content)
        How many rows of each kind there were.
    options : sequence of (str, Any)
        What the request amounted to.
    """
    ignored = manifest["ignored"]
    packages = (f"{name} {version}" for name, version in manifest["packages"].items())
    dropped = [element("div", named(f"{name}: {reason}", 300)) for name, reason in list(ignored.items())[:16]]
    told: list[tuple[str, Content]] = [
        *counted,
        ("SHA-256 of the data", element("span", manifest["data"]["digest"], class_="digest")),
        ("SHA-256 of the integer model", element("span", files[integer_file]["sha256"], class_="digest")),
        (
            "Request",
            element("code", named(json.dumps(manifest["request"], ensure_ascii=False), _MOST_REQUEST)),
        ),
        ("Settings", named(", ".join(f"{name}: {value}" for name, value in options), 400)),
        ("Without effect", dropped or None),
        ("Seed, threads", f"{manifest['seeds']['training']}, {manifest['threads']}"),
        ("Made with", plain(", ".join(packages), 400)),
    ]
    return [
        facts("The same of all these on the same machine gives the same bytes", told),
        element("h3", "Files of this version"),
        table(
            "Beside this page",
            ("File", "Size"),
            [[element("code", plain(name, 100)), size(entry["size"])] for name, entry in files.items()],
        ),
    ]


def colophon(manifest: Mapping[str, Any]) -> Content:
    """The last line of a page: what made it, and where more is told."""
    return paragraph(
        f"Made by trainerd {plain(manifest['packages']['trainerd'])}. ",
        element("code", "manifest.json"),
        " beside this page holds all of its figures and more, and the version, the job and the time.",
    )
