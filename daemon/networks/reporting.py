"""What the report of a network is made from: its answers, and the rows that it is furthest off with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from daemon.models.manifest import list_files
from daemon.networks.preparation import Prepared
from daemon.networks.scores import Answers, losses
from daemon.report.network import NetworkMaterial, network_page

#: The page that a person looks at.
REPORT = "report.html"

_MOST_WORST = 12


def write_report(
    directory: Path,
    manifest: Mapping[str, Any],
    metadata: Mapping[str, Any],
    answers: Mapping[str, Answers] | None = None,
) -> None:
    """Write the page that a person looks at.

    Parameters
    ----------
    directory : Path
        Holds every other file of the version but its manifest.
    manifest : mapping
        Everything that it will say but its files.
    metadata : mapping
        ``KerasModelMetadata``.
    answers : mapping, optional
        Of a regression: what each variant says to the rows that validate.
    """
    answers = answers or {}
    material = NetworkMaterial(
        manifest=manifest,
        files=list_files(directory),
        metrics={
            metrics["type"]: metrics
            for metrics in metadata["modelValidationMetrics"]
            # Who sees the page may not see figures of BrainChip's software: its licence says so.
            if metrics["type"] != "akida"
        },
        wanted=answers["int8"].wanted[:, 0] if answers else np.empty(0),
        given={variant: found.given[:, 0] for variant, found in answers.items()},
        worst=manifest["worst"],
    )
    # Names are people's; half a character in one of them must not cost the version.
    (directory / REPORT).write_bytes(network_page(material).encode("utf-8", "replace"))


def worst_rows(prepared: Prepared, said: Mapping[str, Answers]) -> list[dict[str, Any]]:
    """The rows that validated which the int8 network is furthest off with, the worst first.

    Parameters
    ----------
    prepared : Prepared
        Where they came from.
    said : mapping
        What each variant says to them.

    Returns
    -------
    list of dict
        ``place``, ``label``, ``answers`` by variant, and ``off``: the loss, or the absolute error.
    """
    classifies, judged = prepared.entry.classifies, said["int8"]
    off = losses(judged, classifies=True) if classifies else np.abs(judged.given - judged.wanted)[:, 0]

    def answer(found: Answers, row: int) -> str:
        if not classifies:
            return f"{found.given[row, 0]:.4g}"
        return f"{prepared.classes[found.chosen[row]]} ({found.given[row].max():.0%})"

    return [
        {
            "place": prepared.validation_place(row),
            "label": prepared.classes[judged.right[row]] if classifies else f"{judged.wanted[row, 0]:.4g}",
            "answers": {variant: answer(found, row) for variant, found in said.items()},
            "off": float(off[row]),
        }
        for row in np.argsort(-off, kind="stable")[:_MOST_WORST].tolist()
    ]
