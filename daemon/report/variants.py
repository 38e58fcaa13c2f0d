"""Float model, integer model and C side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daemon.report import pictures
from daemon.report.figures import area, quantity, rows, share, size
from daemon.report.markup import Content, Markup, element, join, plain
from daemon.report.material import Group, Material
from daemon.report.page import details, paragraph, part, table

#: Figures of each variant, by their name in the manifest.
_FIGURES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("trainingFlagged", "Training rows flagged", share),
    ("normalFlagged", "Other normal rows flagged", share),
    ("anomaliesFound", "Recorded anomalies found", share),
    ("balancedAccuracy", "Balanced accuracy", share),
    ("rocAuc", "ROC-AUC, recorded", area),
    ("syntheticFound", "Made anomalies found", share),
    ("rocAucSynthetic", "ROC-AUC, made", area),
)

#: What the gate's bounds are about.
_BOUNDS = {
    "agreement": "same decision",
    "spearman": "ranking",
    "normal_spearman": "ranking of normal rows",
    "auc_difference": "ROC-AUC",
    "likelihood_error": "log-likelihood",
    "far_missed": "rows far outside missed",
}


def variants(material: Material, found: Sequence[Group]) -> list[Content]:
    """The gate's verdict, the scores of both models against each other, and the table."""
    gate = material.manifest["gate"]
    chosen = gate["chosen"]
    width = (
        "Its inputs are 8 bits wide."
        if chosen["bits"] == 8
        else "Its inputs are 16 bits wide, for 8 bits are too coarse for this model; all else is the same."
    )
    told = paragraph(
        width,
        " There is one integer model: what the gateway computes, what the gate judged and what the C "
        "computes are the same integers. So its figures are those of the C too, which its test vectors "
        "check on the board.",
    )
    drawing = element("figure", pictures.agreement(found, material.model.threshold))
    return [
        paragraph(
            f"The integer model decides like the float model on {share(chosen['agreement'])} of the judged "
            f"rows and ranks them alike (Spearman {area(chosen['spearman'])}).",
            kind="verdict good",
        ),
        element(
            "div",
            element("div", told, drawing, pictures.comparison_marks(found)),
            element("div", *_comparison(material)),
            class_="beside",
        ),
        details("How the integer model was chosen", *_attempts(gate)),
    ]


def _comparison(material: Material) -> list[Content]:
    """The table, and how flash and RAM were measured."""
    manifest, files = material.manifest, material.files
    before, after = manifest["metrics"]["float64"], manifest["metrics"]["int8"]
    name, memory, scale = manifest["cName"], manifest["memory"], manifest["quantization"]
    same = element("span", "same", class_="same")
    body: list[Sequence[Content] | Markup] = [part("How it decides", 4)]
    body += [
        [title, shown(before[figure]), shown(after[figure]), same]
        for figure, title, shown in _FIGURES
        if figure in before
    ]
    threshold = quantity(scale["thresholdQ"] * scale["scoreScale"])
    source = join(
        size(files[f"c/{name}.c"]["size"]),
        element("small", f"and {size(files[f'c/{name}.h']['size'])} of header"),
    )
    body += [
        part("What it computes with", 4),
        ["Numbers", "float64", join(f"int{scale['bits']}", element("small", "sums in int32")), same],
        [
            "Threshold",
            quantity(manifest["threshold"]),
            join(f"{scale['thresholdQ']:,}", element("small", f"= {threshold}")),
            same,
        ],
        part("What it takes", 4),
        ["File", size(files["model.npz"]["size"]), size(files["model_int8.npz"]["size"]), source],
        ["Flash", "–", "–", size(memory["flashBytes"]) if memory else "not measured"],
        ["RAM", "–", "–", size(memory["ramBytes"]) if memory else "not measured"],
    ]
    measured: list[Content] = ["Flash and RAM were not measured, as the request wanted."]
    if memory:
        how = element("code", plain(memory["measuredWith"], 160))
        measured = ["Flash and RAM: ", how, "; RAM without the stack."]
    head = ("Figure", "float", f"int{scale['bits']}", "C")
    return [
        table("Float model, integer model and its C", head, body),
        paragraph(*measured, kind="note"),
    ]


def _attempts(gate: Mapping[str, Any]) -> list[Content]:
    """What the gate tried, and what it asked for."""
    body = [
        [
            f"{tried['bits']} bits, {quantity(tried['headroom'])} ×",
            share(tried["agreement"]),
            area(tried["spearman"]),
            area(tried["auc_difference"]),
            "broke " + ", ".join(_BOUNDS[bound] for bound in tried["failed"]) if tried["failed"] else "taken",
        ]
        for tried in gate["attempts"]
    ]
    bounds = gate["bounds"]
    head = ("Inputs: width, range", "Same decision", "Spearman", "ROC-AUC off by", "Result")
    return [
        table("Coarsest first; the first that keeps all bounds is taken", head, body),
        paragraph(
            f"Range: that of the inputs, as a multiple of the training rows'. Judged on "
            f"{rows(gate['normal_rows'], 'normal row')} (from {gate['normalRowsFrom']}), "
            f"{gate['synthetic_rows']:,} made anomalies and {gate['labelled_rows']:,} rows of known kind. "
            f"Asked for: the same decision on {share(bounds['agreement'])}, Spearman {bounds['spearman']}, "
            f"ROC-AUC within {bounds['auc_difference']}.",
            kind="note",
        ),
    ]
