"""The page of a version, read from outside: what it says, holds, escapes, and how large it gets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon import pipeline
from daemon.data.index import Column
from daemon.models.anomaly import AnomalyModel
from daemon.preparation import Prepared
from daemon.quantize.anomaly import IntegerModel
from daemon.quantize.gate import GateReport, choose
from daemon.trainers.table import TRAINERS
from daemon.wire.worker import Spec
from tests.report.document import Node, parse, table
from tests.test_pipeline import Plant
from tests.trainers.rows import blobs

KINDS = pytest.mark.parametrize("kind", TRAINERS)
WHOLE = {"skipEmbeddingsAndMemory": False}
MOST_BYTES = 200_000


def read(directory: Path) -> Node:
    """The report in a version's directory."""
    content = (directory / "report.html").read_bytes()
    assert len(content) <= MOST_BYTES
    return parse(content.decode("utf-8"))


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


Version = tuple[Path, dict[str, Any]]


def all_kinds(directory: Path) -> Plant:
    """Three columns and all kinds of rows."""
    made = Plant(directory, [Column("current", "A"), Column("flow", "l/min"), Column("temperature")])
    normal = blobs(60, 3, seed=2)
    made.add("training", blobs(300, 3))
    made.add("testing", normal)
    made.add("anomaly", normal[:25] + 6 * normal.std(axis=0))
    return made


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return all_kinds(tmp_path)


@pytest.fixture(scope="module", params=list(TRAINERS))
def version(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Version:
    """A version of each kind, with its manifest; nobody changes it."""
    return all_kinds(tmp_path_factory.mktemp("plant")).train(request.param, request=WHOLE)


def test_the_page_says_what_the_manifest_says(version: Version) -> None:
    directory, manifest = version
    page = read(directory)
    text = plain(page.text)
    assert page.all("h1")[0].text == "Press 3"
    tiles = next(node for node in page.walk() if "tiles" in node.classes)
    figures = dict(
        zip(
            [node.text for node in tiles.all("dt")],
            [node.text for node in tiles.all("dd") if "figure" in node.classes],
            strict=True,
        )
    )
    assert float(figures["Threshold"]) == pytest.approx(manifest["threshold"], rel=0.005)
    assert float(figures["ROC-AUC"]) == pytest.approx(manifest["metrics"]["int8"]["rocAuc"], abs=5e-5)
    assert figures["Flash on a board"] == f"{manifest['memory']['flashBytes']:,} B"
    found = float(figures["Anomalies found"].removesuffix(" %")) / 100
    assert found == pytest.approx(manifest["metrics"]["int8"]["anomaliesFound"], abs=5e-4)
    assert manifest["data"]["digest"] in text
    assert manifest["files"]["model_int8.npz"]["sha256"] in text
    assert manifest["memory"]["measuredWith"] in text
    for package in manifest["packages"].values():
        assert package in text


def test_float_int8_and_c_stand_side_by_side(version: Version) -> None:
    directory, manifest = version
    lines = {line[0]: line[1:] for line in table(read(directory), "Float model, integer model")}
    for name, title in (("rocAuc", "ROC-AUC, recorded"), ("rocAucSynthetic", "ROC-AUC, made")):
        for cell, variant in zip(lines[title], ("float64", "int8"), strict=False):
            assert float(cell) == pytest.approx(manifest["metrics"][variant][name], abs=5e-5)
        assert lines[title][2] == "same"
    files = manifest["files"]
    assert lines["File"][:2] == [f"{files[name]['size']:,} B" for name in ("model.npz", "model_int8.npz")]
    assert lines["File"][2].startswith(f"{files['c/press_3.c']['size']:,} B")
    assert lines["Flash"][2] == f"{manifest['memory']['flashBytes']:,} B"
    assert lines["RAM"][2] == f"{manifest['memory']['ramBytes']:,} B"


def test_every_file_of_the_version_is_listed_with_its_size(version: Version) -> None:
    directory, manifest = version
    listed = dict(table(read(directory), "Beside this page"))
    wanted = {name: f"{said['size']:,} B" for name, said in manifest["files"].items()}
    del wanted["report.html"]
    assert listed == wanted


def test_the_histogram_counts_every_row_once(version: Version) -> None:
    directory, manifest = version
    lines = table(read(directory), "Rows in each bin")
    counts = np.array([[int(cell.replace(",", "")) for cell in line[1:]] for line in lines])
    assert counts.sum(axis=0).tolist() == [300, 60, 25, 1000]
    edges = [float(line[0].split(" ")[0].replace("−", "-").replace(",", "")) for line in lines]
    flagged = counts[[edge >= manifest["threshold"] * 0.995 for edge in edges]].sum(axis=0)
    shares = manifest["metrics"]["float64"]
    assert (flagged / counts.sum(axis=0)).tolist() == pytest.approx(
        [shares[name] for name in ("trainingFlagged", "normalFlagged", "anomaliesFound", "syntheticFound")]
    )


@pytest.mark.parametrize(
    ("kind", "block", "words"),
    [
        ("anomaly", {}, ["outside the nearest cluster", "below 0", "0.9 or more"]),
        ("anomaly", {"score": "distance"}, ["from the centre of the nearest cluster", "0.9 or more"]),
        ("anomaly-gmm", {}, ["log-likelihood", "far more typical rows score high too", "0.9 or more"]),
    ],
)
def test_the_score_is_put_into_words(
    plant: Plant, kind: str, block: dict[str, Any], words: list[str]
) -> None:
    wanted = {"thresholds": [{"key": "min_anomaly_score", "value": 0.9}]}
    directory, _ = plant.train(kind, block=block, request=wanted)
    (section,) = [
        node for node in read(directory).all("section") if node.attributes["aria-labelledby"] == "meaning"
    ]
    for word in (*words, "1,000", "set by the training request"):
        assert word in plain(section.text)


def test_a_model_that_does_not_tell_rows_apart_is_said_to(tmp_path: Path) -> None:
    plant = Plant(tmp_path, [Column("a"), Column("b")])
    for category in ("training", "testing", "anomaly"):
        plant.add(category, blobs(100, 2, seed=len(category)))
    directory, _ = plant.train("anomaly-gmm")
    assert "no threshold parts them" in plain(read(directory).text)


def test_the_page_is_whole_in_itself_and_runs_nothing(version: Version) -> None:
    directory, _ = version
    text = (directory / "report.html").read_text(encoding="utf-8")
    page = parse(text)
    assert text.startswith("<!doctype html>\n<html")
    assert {node.tag for node in page.walk()}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "base"}
    )
    for node in page.walk():
        for name, value in node.attributes.items():
            assert name not in {"src", "href", "action", "background"}
            assert not name.startswith("on")
            assert not re.search(r"https?:|//", value), (node.tag, name, value)
    (style,) = page.all("style")
    assert not re.search(r"url\((?!#)|@import", str(style.content))
    (policy,) = [node for node in page.all("meta") if "http-equiv" in node.attributes]
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_the_page_can_be_heard_and_walked_through(version: Version) -> None:
    directory, _ = version
    page = read(directory)
    assert page.all("html")[0].attributes["lang"] == "en"
    assert "Press 3" in str(page.all("head")[0].all("title")[0].content)
    levels = [int(node.tag[1]) for node in page.walk() if node.tag in {"h1", "h2", "h3"}]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip([0, *levels], levels, strict=False))
    names = [node.attributes["id"] for node in page.walk() if "id" in node.attributes]
    assert len(names) == len(set(names))
    for section in page.all("section"):
        assert page.one(section.attributes["aria-labelledby"]).tag == "h2"
    for picture in page.all("svg"):
        shown = picture.attributes.get("role") == "img"
        assert shown == bool(
            [node for node in picture.content if isinstance(node, Node) and node.tag == "title"]
        )
    assert [node for node in page.all("svg") if node.attributes.get("role") == "img"]
    for found in page.all("table"):
        assert found.all("caption")[0].text
        assert all(cell.attributes["scope"] for cell in found.all("th"))


HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&lt;"


@KINDS
def test_names_and_units_are_text_whatever_they_hold(tmp_path: Path, kind: str) -> None:
    columns = [
        Column(HOSTILE, "<b>A</b>"),
        Column("\u202eesrever\x07", "&amp;"),
        Column("]]>--><!--", "'\""),
    ]
    plant = Plant(tmp_path, columns)
    plant.add("training", blobs(100, 3))
    directory, _ = plant.train(kind, block={"name": f"press {HOSTILE}"[:128]}, request=WHOLE)
    page = read(directory)
    assert {node.tag for node in page.walk()}.isdisjoint({"script", "img"})
    assert not [name for node in page.walk() for name in node.attributes if name.startswith("on")]
    assert len(page.all("title")) == 1 + len(
        [node for node in page.all("svg") if node.attributes.get("role") == "img"]
    )
    inputs = [line[0] for line in table(page, "All inputs")]
    assert inputs[0].startswith(HOSTILE[:63])
    assert page.all("h1")[0].text.startswith("press </style>")
    for name, units in zip(inputs, ["<b>A</b>", "&amp;", "'\""], strict=True):
        assert name.endswith(f", in {units}")
    for node in page.walk():
        here = [part for part in node.content if isinstance(part, str) and "\u202e" in part]
        assert not here or node.tag in {"bdi", "text", "title"}
    assert "\x07" not in (directory / "report.html").read_text(encoding="utf-8")


def test_the_same_training_gives_the_same_page(version: Version, tmp_path: Path) -> None:
    directory, manifest = version
    again, _ = all_kinds(tmp_path).train(manifest["type"], 9, request=WHOLE, job_id=999)
    assert (again / "report.html").read_bytes() == (directory / "report.html").read_bytes()


@pytest.fixture
def any_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that lets every model through: pages are made of models that would not pass, too."""

    def take(spec: Spec, prepared: Prepared, model: AnomalyModel) -> tuple[IntegerModel, GateReport]:
        rows = prepared.held_out
        return choose(model, rows.calibration.astype(np.float64), holdout=rows.normal.astype(np.float64))

    monkeypatch.setattr(pipeline, "quantize", take)


@KINDS
def test_the_page_stays_small_whatever_the_data(tmp_path: Path, any_gate: None, kind: str) -> None:
    random = np.random.default_rng(0)
    width, clusters = (40, 8) if kind == "anomaly-gmm" else (100, 70)
    plant = Plant(tmp_path, [Column(f"<{number}>" + "&" * 120, "&" * 60) for number in range(width)])
    for category in ("training", "testing", "anomaly"):
        rows = random.normal(size=(1600, width)).astype(np.float32) * np.float32(1234.567)
        rows[:, 1:20] = np.float32(3.25)
        plant.add(category, rows)
    directory, manifest = plant.train(
        kind, block={"name": "x" + "&" * 127}, request={**WHOLE, "clusterCount": clusters}
    )
    assert len(manifest["warnings"]) > 12
    page = read(directory)
    assert "more in manifest.json" in page.text


@pytest.mark.parametrize("threshold", [-1000.0, 0.0, 1000.0])
def test_any_threshold_can_be_drawn(plant: Plant, any_gate: None, threshold: float) -> None:
    wanted = {"thresholds": [{"key": "min_anomaly_score", "value": threshold}]}
    directory, _ = plant.train("anomaly", request=wanted)
    assert_drawn(read(directory))


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        (blobs(2, 2), 2),
        (blobs(50, 1), 3),
        (np.ones((20, 2), np.float32), 1),
        (np.concatenate([blobs(40, 2), np.full((1, 2), 1e30, np.float32)]), 3),
        (blobs(40, 2) * np.float32(1e-30), 2),
    ],
    ids=["two rows", "one input", "no spread", "one far out", "tiny"],
)
def test_odd_rows_can_be_drawn(tmp_path: Path, any_gate: None, rows: Any, count: int) -> None:
    plant = Plant(tmp_path, [Column(f"x{number}") for number in range(rows.shape[1])])
    plant.add("training", rows)
    directory, _ = plant.train("anomaly", request={**WHOLE, "clusterCount": count})
    assert_drawn(read(directory))


def assert_drawn(page: Node) -> None:
    """Every picture has marks, and every number in it is one."""
    for picture in page.all("svg"):
        if picture.attributes.get("role") == "img":
            assert any(node.tag in {"rect", "path", "polyline"} for node in picture.walk())
        told = json.dumps([node.attributes for node in picture.walk()])
        assert not re.search(r"\b(nan|inf)\b", told)


def test_what_the_request_leaves_out_is_said_to_be_left_out(plant: Plant) -> None:
    directory, _ = plant.train("anomaly", request={"skipEmbeddingsAndMemory": True})
    page = read(directory)
    assert "Left out, as the request wanted" in page.text
    lines = {line[0]: line[1:] for line in table(page, "Float model, integer model")}
    assert lines["Flash"][2] == "not measured"
