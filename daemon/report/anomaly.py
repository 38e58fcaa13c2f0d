"""The report of a K-means or GMM version."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from daemon.models.anomaly import KMeansModel
from daemon.report import pictures
from daemon.report.figures import area, quantity, rows, share, size
from daemon.report.markup import Content, element, join, named, plain
from daemon.report.material import Group, Material, groups
from daemon.report.page import Tile, details, meter, page, paragraph, section, table, tiles, warnings
from daemon.report.provenance import colophon, inputs, provenance
from daemon.report.variants import variants
from daemon.report.words import SHORT_SOURCES, meaning, training_scores

#: Clusters that are listed; all of them are in the manifest.
_MOST_CLUSTERS = 32

#: Clusters up to which their table is open.
_FEW_CLUSTERS = 8

#: Figure of the share of each kind of rows that is flagged.
_FLAGGED = {
    "training": "trainingFlagged",
    "normal": "normalFlagged",
    "recorded": "anomaliesFound",
    "made": "syntheticFound",
}


def anomaly_page(material: Material) -> str:
    """The page of a version.

    Parameters
    ----------
    material : Material
        The version, with its rows.

    Returns
    -------
    str
        A complete HTML document, less than 200 kB whatever the data; the same material gives the same text.
    """
    manifest, model = material.manifest, material.model
    found = groups(material)
    clusters = pictures.clusters_of(model, material.training, found[0])
    meant = meaning(model, manifest["score"], manifest["metrics"]["int8"])
    return page(
        f"{plain(manifest['name'] or manifest['cName'])} – anomaly model",
        _header(material),
        [
            section("meaning", "What the score means", *meant),
            section("scores", "Scores and threshold", *_scores(material, found)),
            section("clusters", "Clusters", *_clusters(material, found, clusters)),
            section("variants", "Float, int8 and C side by side", *variants(material, found)),
            section("inputs", "Inputs", *inputs(material)),
            section("provenance", "Where it comes from", *provenance(material)),
        ],
        colophon(manifest),
    )


def _header(material: Material) -> list[Content]:
    manifest = material.manifest
    count, word = _parts(material)
    return [
        paragraph("Anomaly model", kind="kind"),
        element("h1", named(manifest["name"] or manifest["cName"])),
        paragraph(
            f"{'K-means' if isinstance(material.model, KMeansModel) else 'GMM'} with {rows(count, word)} on "
            f"{rows(len(manifest['inputs']), 'input')}, trained on {rows(len(material.training))}. The "
            "figures on top are those of the integer model, which the gateway and the C compute.",
            kind="lead",
        ),
        tiles(_tiles(material)),
        warnings(manifest["warnings"]),
    ]


def _parts(material: Material) -> tuple[int, str]:
    """How many clusters the model has, and what they are called."""
    if isinstance(material.model, KMeansModel):
        return len(material.model.centroids), "cluster"
    return len(material.model.weights), "component"


def _tiles(material: Material) -> list[Tile]:
    manifest = material.manifest
    figures, before = manifest["metrics"]["int8"], manifest["metrics"]["float64"]
    data, chosen, score = manifest["data"], manifest["gate"]["chosen"], manifest["score"]
    alarms = Tile(
        "False alarms",
        share(figures["trainingFlagged"]),
        f"of {rows(data['trainingRows'], 'training row')}; no other normal rows are there",
    )
    if "normalFlagged" in figures:
        told = f"of {rows(data['normalRows'], 'normal row')} not trained on"
        alarms = Tile("False alarms", share(figures["normalFlagged"]), told)
    found = Tile("Anomalies found", share(figures["syntheticFound"]), "of made ones; none are recorded")
    if "anomaliesFound" in figures:
        told = f"of {data['anomalousRows']:,} recorded"
        found = Tile("Anomalies found", share(figures["anomaliesFound"]), told)
    auc = "rocAuc" if "rocAuc" in figures else "rocAucSynthetic"
    return [
        Tile("Threshold", quantity(score["threshold"]), SHORT_SOURCES.get(score["thresholdSource"], "")),
        alarms,
        found,
        Tile("ROC-AUC", area(figures[auc]), f"float model: {area(before[auc])}"),
        Tile(
            f"int{chosen['bits']} agrees with float",
            share(chosen["agreement"]),
            f"same decision on {chosen['bits']}-bit inputs",
        ),
        _memory(material),
    ]


def _memory(material: Material) -> Tile:
    memory, name = material.manifest["memory"], material.manifest["cName"]
    if memory is None:
        source = sum(material.files[f"c/{name}.{kind}"]["size"] for kind in ("c", "h"))
        return Tile("C source", size(source), "flash and RAM were not measured")
    return Tile("Flash on a board", size(memory["flashBytes"]), f"and {size(memory['ramBytes'])} of RAM")


def _scores(material: Material, found: Sequence[Group]) -> list[Content]:
    figures = material.manifest["metrics"]["float64"]
    flagged = {kind: figures[name] for kind, name in _FLAGGED.items() if name in figures}
    return [
        paragraph(
            "Each kind of rows has bars of its own, the highest filling the height; all share one axis. "
            "Good is: normal rows left of the dashed threshold, anomalies right of it, in the shaded part. "
            "The wide bar at the right end counts the rows beyond the axis, cut at the full height."
        ),
        *pictures.histogram(found, flagged, material.model.threshold),
        element("h3", "Training scores"),
        *training_scores(material.manifest["score"], len(material.training)),
        paragraph(
            "Made anomalies are normal rows spoilt on purpose: one input moved by 3 to 8 standard "
            "deviations, all moved by noise, or each taken from another row. Many are hard to find; they are "
            "no promise about real faults.",
            kind="note",
        ),
    ]


def _clusters(material: Material, found: Sequence[Group], clusters: pictures.Clusters) -> list[Content]:
    inputs_ = material.manifest["inputs"]
    count = len(inputs_)
    told = "Inputs against each other, in their own units."
    if count == 1:
        told = "The value of the only input against the score."
    elif count > pictures.MOST_INPUTS:
        told = (
            f"The {pictures.MOST_INPUTS} of {count:,} inputs in which the clusters differ most, each against "
            "each, in their own units."
        )
    whole = (
        " A row is judged by all inputs at once: clusters that overlap in one picture lie apart in another."
    )
    return [
        paragraph(told, " Marks on a frame lie outside of it.", whole if count > 2 else None),
        pictures.marks(material.model, found),
        element(
            "div",
            pictures.pairs(material.model, found, clusters, inputs_),
            class_="plots",
        ),
        pictures.centres(material.model, clusters, inputs_),
        *(_embedding(material, found, clusters) if count > 1 else [_cluster_table(material, clusters)]),
    ]


def _embedding(material: Material, found: Sequence[Group], clusters: pictures.Clusters) -> list[Content]:
    listed = _cluster_table(material, clusters)
    title = element("h3", "All inputs in one picture")
    if material.embedding is None:
        told = paragraph("Left out, as the request wanted (skipEmbeddingsAndMemory).", kind="note")
        return [title, told, listed]
    mean = material.training.mean(axis=0, dtype=np.float64)
    kept = share(min(sum(material.embedding["explainedVariance"]), 1.0))
    told = paragraph(
        f"The rows on the first two principal components of the {len(material.training):,} training rows, "
        f"standardised: the flat view that keeps most of their spread, here {kept} of the variance. Rows "
        "that lie together here may be far apart in what is not shown; rows far apart here are."
    )
    drawing = pictures.embedding(material.model, found, clusters, material.embedding, mean)
    return [title, element("div", drawing, element("div", told, listed), class_="beside")]


def _cluster_table(material: Material, clusters: pictures.Clusters) -> Content:
    model = material.model
    count, word = _parts(material)
    body: list[list[Content]] = []
    for number in clusters.order[:_MOST_CLUSTERS].tolist():
        held = float(clusters.sizes[number])
        row: list[Content] = [str(number + 1), join(meter(held), element("span", share(held)))]
        if isinstance(model, KMeansModel):
            row.append(quantity(float(model.radii[number])))
        body.append(row)
    more = f", the {_MOST_CLUSTERS} largest of {count:,}" if count > _MOST_CLUSTERS else ""
    kmeans = isinstance(model, KMeansModel)
    unit = "; radius in standard deviations" if kmeans else ""
    head = ("No.", "Training rows", "Radius") if kmeans else ("No.", "Weight: share of the training rows")
    made = table(f"{word.capitalize()}s{more}{unit}", head, body)
    return made if count <= _FEW_CLUSTERS else details(f"The {word}s as a table", made)
