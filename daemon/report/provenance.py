"""What a version takes, where it comes from, and what lies beside its report."""

from __future__ import annotations

import json

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
    caption = "All inputs"
    if len(listed) > _MOST_INPUTS:
        caption = f"The first {_MOST_INPUTS} of {len(listed):,} inputs; all are in manifest.json"
    return [
        paragraph(
            "In the order in which the model and its C take them. Mean and deviation are what the model "
            "standardises with; a step is the smallest difference that the integer model sees."
        ),
        table(caption, ("Input", "Mean", "Deviation", "Step"), body),
    ]


def _units(units: str) -> list[Content]:
    return [] if units == "N/A" else [", in ", named(units, 16)]


def provenance(material: Material) -> list[Content]:
    """Data, request, seed and packages; the version's files."""
    manifest, files = material.manifest, material.files
    data, ignored = manifest["data"], manifest["ignored"]
    options = (
        f"{name}: {value}" for name, value in manifest["settings"].items() if name not in {"axes", "stored"}
    )
    packages = (f"{name} {version}" for name, version in manifest["packages"].items())
    dropped = [element("div", named(f"{name}: {reason}", 300)) for name, reason in list(ignored.items())[:16]]
    told: list[tuple[str, Content]] = [
        ("Training rows", f"{data['trainingRows']:,}"),
        ("Other normal rows", f"{data['normalRows']:,}"),
        ("Recorded anomalies", f"{data['anomalousRows']:,}"),
        ("SHA-256 of the data", element("span", data["digest"], class_="digest")),
        (
            "SHA-256 of the integer model",
            element("span", files["model_int8.npz"]["sha256"], class_="digest"),
        ),
        (
            "Request",
            element("code", named(json.dumps(manifest["request"], ensure_ascii=False), _MOST_REQUEST)),
        ),
        ("Settings", named(", ".join(options), 400)),
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
