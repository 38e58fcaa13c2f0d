"""The report of a network's version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.report.confusion import by_class, matrices
from daemon.report.curves import Curve, curve_mark, curves
from daemon.report.figures import area, quantity, rows, share, size
from daemon.report.markup import Content, element, join, named, plain
from daemon.report.page import Tile, legend, page, paragraph, part, section, table, tiles, warnings
from daemon.report.provenance import colophon, listed_inputs, origin
from daemon.report.svg import Layer, scatter

_VARIANTS = ("float32", "int8")
#: Rows that are drawn of a regression.
_MOST_DRAWN = 600
#: How the int8 network came about, by the manifest's ``gate.method``.
_METHODS = {"post-training": "quantized after the training", "qat": "trained for int8"}
#: Figures of a regression, by their name in the metadata.
_ERRORS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("r2", "R2: share of the spread that is foretold", area),
    ("mae", "Mean absolute error", quantity),
    ("mse", "Mean squared error", quantity),
    ("maxError", "Largest error", quantity),
)


@dataclass(frozen=True)
class NetworkMaterial:
    """One version of a network, with its answers to the rows that validate.

    Parameters
    ----------
    manifest : dict
        What the version's manifest says, but its files. Members that differ between two trainings of the
        same (version, job, time) are not looked at: the same training writes the same page.
    files : dict
        Sizes in bytes and SHA-256 of the version's other files, as the manifest lists them.
    metrics : dict of str to dict
        ``modelValidationMetrics`` of the metadata, by variant.
    wanted : ndarray, shape (n,)
        Of a regression: the numbers to be foretold; else empty.
    given : dict of str to ndarray, shape (n,)
        Of a regression: what each variant foretells.
    worst : sequence of dict
        Rows that the int8 network is furthest off with, from the worst on: ``place``, ``label``,
        ``answers`` by variant, ``off``.
    """

    manifest: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]
    metrics: Mapping[str, Mapping[str, Any]]
    wanted: npt.NDArray[np.floating[Any]]
    given: Mapping[str, npt.NDArray[np.floating[Any]]]
    worst: Sequence[Mapping[str, Any]]

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes; empty for a regression."""
        found: Sequence[str] = self.manifest["classes"]
        return found


def network_page(material: NetworkMaterial) -> str:
    """The page of a version.

    Parameters
    ----------
    material : NetworkMaterial
        The version, with its answers.

    Returns
    -------
    str
        A complete HTML document, less than 200 kB whatever the data; the same material gives the same text.
    """
    manifest = material.manifest
    if material.classes:
        judged = [
            section("confusion", "What is taken for what", *matrices(material.metrics, material.classes)),
            section("classes", "Class by class", *by_class(material.metrics, material.classes)),
        ]
    else:
        judged = [section("numbers", "What is foretold", *_foretold(material))]
    return page(
        f"{plain(manifest['name'] or manifest['cName'])} – network",
        _header(material),
        [
            section("curves", "How it learnt", *_curves(manifest["fit"], bool(material.classes))),
            *judged,
            section("worst", "Where it is furthest off", *_worst(material)),
            section("variants", "Float, int8 and C side by side", *_variants(material)),
            section("inputs", "Inputs", *listed_inputs(manifest["inputs"])),
            section("provenance", "Where it comes from", *_origin(material)),
        ],
        colophon(manifest),
    )


def _header(material: NetworkMaterial) -> list[Content]:
    manifest = material.manifest
    data, layers = manifest["data"], manifest["settings"]["layers"]
    kind = f"tells {len(material.classes)} classes apart" if material.classes else "foretells a number"
    return [
        paragraph("Network", kind="kind"),
        element("h1", named(manifest["name"] or manifest["cName"])),
        paragraph(
            f"It {kind} by {rows(int(np.prod(manifest['inputShape'])), 'value')} through "
            f"{rows(len(layers) + 1, 'layer')}, trained on {rows(data['trainingRows'])}. The figures on top "
            "are those of the int8 network, which the C computes, on rows that it was not trained on.",
            kind="lead",
        ),
        tiles(_tiles(material)),
        warnings(manifest["warnings"]),
    ]


def _tiles(material: NetworkMaterial) -> list[Tile]:
    manifest, metrics = material.manifest, material.metrics
    data, fit, memory = manifest["data"], manifest["fit"], manifest["memory"]
    validating = f"of {rows(data['validationRows'])} that validated"
    if material.classes:
        accuracy = {name: found["accuracy"] for name, found in metrics.items()}
        first = Tile(
            "Right", share(accuracy["int8"]), f"{validating}; float network: {share(accuracy['float32'])}"
        )
        weakest = min(material.classes, key=lambda name: metrics["int8"]["report"][name]["recall"])
        recall = metrics["int8"]["report"][weakest]["recall"]
        second = Tile("Hardest class", share(recall), f"of {plain(weakest, 24)} is found")
    else:
        errors = {name: found["report"] for name, found in metrics.items()}
        first = Tile(
            "R2", area(errors["int8"]["r2"]), f"{validating}; float network: {area(errors['float32']['r2'])}"
        )
        second = Tile("Off by", quantity(errors["int8"]["mae"]), "on average, in the unit of the labels")
    tested = manifest["metrics"]["int8"].get("testingAccuracy", manifest["metrics"]["int8"].get("testingR2"))
    third = Tile("Test rows", "none", "import some into the category testing")
    if tested is not None:
        shown = share(tested) if material.classes else area(tested)
        third = Tile("Test rows", shown, f"of {data['testingRows']:,} in the category testing")
    return [
        first,
        second,
        third,
        Tile("Epoch", f"{fit['bestEpoch']:,}", f"of {len(fit['epochs']):,} is kept: least validation loss"),
        Tile("Flash on a board", size(memory["flashBytes"]), f"and {size(memory['ramBytes'])} of RAM"),
        Tile("Multiplications", f"{memory['macs']:,}", "of one inference"),
    ]


def _curves(fit: Mapping[str, Any], classifies: bool) -> list[Content]:
    epochs = fit["epochs"]
    drawn = [
        element(
            "figure",
            curves(
                title,
                [
                    Curve("training", "Training", [epoch[name] for epoch in epochs]),
                    Curve("normal", "Validation", [epoch[f"val_{name}"] for epoch in epochs]),
                ],
                fit["bestEpoch"],
            ),
        )
        for title, name in (("Loss", "loss"), ("Accuracy", "accuracy"))[: 2 if classifies else 1]
        # A script may have looked at other figures, or told of none.
        if epochs and all(name in epoch and f"val_{name}" in epoch for epoch in epochs)
    ]
    if not drawn:
        return [paragraph("The script that trained the network told of no epochs.")]
    return [
        paragraph(
            "The training rows are seen while dropout and augmentation are at work, so their curve may lie "
            "on the worse side. A validation loss that rises again while the training loss falls means that "
            "the network has begun to know its rows by heart; the dashed line is the epoch that is kept."
        ),
        legend(
            (curve_mark(kind), title) for kind, title in (("training", "Training"), ("normal", "Validation"))
        ),
        element("div", drawn, class_="plots pair"),
    ]


def _foretold(material: NetworkMaterial) -> list[Content]:
    """A regression: what it says against what it should, and its errors."""
    wanted = material.wanted
    chosen = np.linspace(0, len(wanted) - 1, min(len(wanted), _MOST_DRAWN)).astype(np.intp)
    values = np.concatenate([wanted, *material.given.values()])
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 0.5
    interval = (low - margin, high + margin)
    drawn = [
        element(
            "figure",
            scatter(
                [Layer("training", "dots", np.stack([wanted, material.given[variant]], axis=1)[chosen])],
                x=("label", interval),
                y=(f"{variant} answers", interval),
                told=f"What the {variant} network answers against the label of each row.",
                lines=[("threshold", (interval[0], interval[0]), (interval[1], interval[1]))],
            ),
        )
        for variant in _VARIANTS
    ]
    body = [
        [title, *(shown(material.metrics[variant]["report"][name]) for variant in _VARIANTS)]
        for name, title, shown in _ERRORS
    ]
    return [
        paragraph("Rows that validated; a row on the dashed diagonal is foretold exactly."),
        element("div", drawn, class_="plots pair"),
        table("Errors on the rows that validated", ("Figure", *_VARIANTS), body),
    ]


def _worst(material: NetworkMaterial) -> list[Content]:
    head = ("Row", "Label", *_VARIANTS, "Loss" if material.classes else "Off by")
    body = [
        [
            named(row["place"], 100),
            named(row["label"]),
            *(named(row["answers"][variant]) for variant in _VARIANTS),
            quantity(row["off"]),
        ]
        for row in material.worst
    ]
    return [
        paragraph(
            "Rows that validated and that the int8 network is furthest off with. Look at them first: a wrong "
            "label, a faulty recording, or a kind of row of which there are too few."
        ),
        table(f"The worst {rows(len(body))}", head, body),
    ]


def _variants(material: NetworkMaterial) -> list[Content]:
    manifest, files, metrics = material.manifest, material.files, material.metrics
    memory, name = manifest["memory"], manifest["cName"]
    same = element("span", "same", class_="same")

    def figures(member: str, shown: Callable[[float], str]) -> list[Content]:
        return [*(shown(metrics[variant][member]) for variant in _VARIANTS), same]

    body: list[Sequence[Content] | Any] = [part("How it answers", 4), ["Loss", *figures("loss", quantity)]]
    if material.classes:
        body.append(["Right", *figures("accuracy", share)])
    for title, member in (("Test rows right", "testingAccuracy"), ("Test rows, R2", "testingR2")):
        if member in manifest["metrics"]["int8"]:
            shown = share if material.classes else area
            body.append([title, *(shown(manifest["metrics"][v][member]) for v in _VARIANTS), same])
    source = join(
        size(files[f"c/{name}.c"]["size"]),
        element("small", f"and {size(files[f'c/{name}.h']['size'])} of header"),
    )
    body += [
        part("What it takes", 4),
        ["File", *(size(files[f"model_{variant}.tflite"]["size"]) for variant in _VARIANTS), source],
        ["Flash", "–", "–", size(memory["flashBytes"])],
        ["RAM", "–", "–", size(memory["ramBytes"])],
        ["Multiplications", "–", "–", f"{memory['macs']:,}"],
    ]
    latency = [
        [device["name"], f"{device['latency']:.3g} ms"]
        for device in metrics["int8"]["onDevicePerformance"]
        if device["hasPerformance"]
    ]
    gate = manifest["gate"]
    tried = f", the best of {rows(len(gate['attempts']), 'attempt')}" if len(gate["attempts"]) > 1 else ""
    return [
        paragraph(
            f"The int8 network was {_METHODS.get(gate['method'], 'made by the script')}{tried}, and loses no "
            "more than the gate allows.",
            kind="verdict good",
        ),
        paragraph(
            "The C computes the same integers as the int8 file under TensorFlow Lite Micro, so there is "
            "nothing to compare between them; its column says what it takes."
        ),
        table("Float network, int8 network and its C", ("Figure", "float32", "int8", "C"), body),
        paragraph("Flash and RAM: ", plain(memory["measuredWith"], 160), ".", kind="note"),
        table("One inference, estimated from the multiplications", ("Board", "Latency"), latency)
        if latency
        else None,
        _akida(manifest.get("akida")),
    ]


def _akida(facts: Mapping[str, Any] | None) -> Content:
    """What there is to say of the Akida variant, without a figure of it."""
    if facts is None:
        return None
    if not facts["made"]:
        return paragraph("An Akida variant was asked for and not made: ", plain(facts["message"], 300), ".")
    learns = facts.get("edgeLearning", {}).get("made")
    return paragraph(
        f"An Akida variant was made for {plain(facts['target'])}, akida_model.fbz: it fits on the chip and "
        "decides like the network with few bits that it was made of.",
        " Another, akida_edge_learning_model.fbz, learns classes on the chip." if learns else None,
    )


def _origin(material: NetworkMaterial) -> list[Content]:
    data = material.manifest["data"]
    counted: list[tuple[str, Content]] = [
        ("Training rows", f"{data['trainingRows']:,}"),
        ("Rows that validated", f"{data['validationRows']:,}"),
        ("Test rows", f"{data['testingRows']:,}"),
    ]
    settings = material.manifest["settings"]
    options = [
        (name, value)
        for name, value in settings.items()
        if isinstance(value, (str, int, float)) and name != "script"
    ]
    layers = " – ".join(plain(placed["layer"]["type"], 40) for placed in settings["layers"])
    return origin(
        material.manifest, material.files, "model_int8.tflite", counted, [*options, ("layers", layers)]
    )
