"""The report of a real network says what its manifest says."""

from __future__ import annotations

from pathlib import Path

from tests.networks.plant import read
from tests.report.document import parse, table


def test_the_page_says_what_the_manifest_says(wine: Path) -> None:
    manifest = read(wine)
    page = parse((wine / "report.html").read_text(encoding="utf-8"))
    tiles = next(node for node in page.walk() if "tiles" in node.classes)
    titles = [node.text for node in tiles.all("dt")]
    values = [node.text for node in tiles.all("dd") if "figure" in node.classes]
    figures = dict(zip(titles, values, strict=True))
    right = manifest["metrics"]["int8"]["validationAccuracy"]
    assert abs(float(figures["Right"].removesuffix(" %")) / 100 - right) < 0.001
    assert figures["Epoch"] == str(manifest["fit"]["bestEpoch"])
    assert figures["Flash on a board"] == f"{manifest['memory']['flashBytes']:,} B"
    assert figures["Multiplications"] == "490"
    listed = dict(table(page, "Beside this page"))
    wanted = {name: f"{said['size']:,} B" for name, said in manifest["files"].items()}
    del wanted["report.html"]
    assert listed == wanted
    worst = table(page, "The worst 12 rows")
    assert all("cellar.csv" in row[0] for row in worst)
    losses = [float(row[-1]) for row in worst if "e" not in row[-1]]
    assert losses == sorted(losses, reverse=True)
    assert manifest["data"]["digest"] in page.text


def test_a_regression_has_its_page(diabetes: Path) -> None:
    page = parse((diabetes / "report.html").read_text(encoding="utf-8"))
    report = read(diabetes, "metadata.json")["keras"]["modelValidationMetrics"][0]["report"]
    lines = {row[0]: row[1:] for row in table(page, "Errors on the rows that validated")}
    assert abs(float(lines["R2: share of the spread that is foretold"][1]) - report["r2"]) < 1e-4
